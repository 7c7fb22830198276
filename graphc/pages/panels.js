// The panel of the selected value, and the tabs below: derivation, rules and memory.

const nodePanel = document.getElementById("node");
const tabs = document.getElementById("tabs");
const panels = document.getElementById("panels");

function addTab(name, title, content) {
  const first = !tabs.children.length;
  const tab = element("button", {
    type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`,
    "aria-selected": String(first), tabindex: first ? 0 : -1, text: title,
    on: { click: () => showTab(name) },
  });
  const panel = element("section", {
    role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`, tabindex: 0,
    class: first ? "" : "hidden",
  }, element("h2", { class: "printed", text: title }), content);
  tabs.append(tab);
  panels.append(panel);
}

function showTab(name) {
  for (const tab of tabs.children) {
    const isShown = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(isShown));
    tab.tabIndex = isShown ? 0 : -1;
  }
  for (const panel of panels.children) panel.classList.toggle("hidden", panel.id !== `panel-${name}`);
  change("tab");
}

const shownTab = () => tabs.querySelector("[aria-selected=true]").id.slice("tab-".length);

tabs.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const all = [...tabs.children];
  const next = all[(all.indexOf(event.target) + step + all.length) % all.length];
  showTab(next.id.slice("tab-".length));
  next.focus();
  event.preventDefault();
});

// The selected value

function row(title, ...content) {
  return element("div", { class: "row" }, element("h3", { text: title }), element("div", {}, ...content));
}

function overview() {
  const parameters = vertices.filter((v) => v.role === "parameter" && v.refers === undefined);
  return element("div", { class: "overview" },
    element("h2", { text: data.title }),
    element("p", { text: `${vertices.filter((v) => isUser(v) && !v.backward && v.refers === undefined).length} ` +
      `values${parameters.length ? `, ${parameters.length} of them parameters` : ""}.` }),
    ...(data.derivations[0]?.sections.slice(0, 1).map((section) => equationsOf(section)) ?? [formulasOf()]),
    element("p", { class: "quiet", text: "Select a value in the graph, in the code or in the derivation: the others " +
      "show what belongs to it. n and p go through the passes step by step; ? lists all keys." }));
}

function showNode() {
  if (state.selected === null) {
    nodePanel.replaceChildren(overview());
    return;
  }
  const vertex = vertices[meant(state.selected)];
  const { id } = vertex;
  const parts = [
    element("h2", {}, element("span", { text: titleOf(id) }),
      element("span", { class: "quiet", text: [vertex.op === titleOf(id) ? "" : vertex.op, vertex.type].filter(Boolean).join(" · ") }),
      element("span", { class: "quiet place", text: vertex.line ?? "" })),
  ];
  if (data.formulas[id]) parts.push(row("Formula", formula(data.formulas[id])));
  parts.push(...valueRows(vertex));
  parts.push(...backwardRows(vertex));
  if (isLayer(id)) parts.push(row("Consists of", ...vertex.children.map((each) => chip(each))));
  const inputs = edges.filter((edge) => edge.head === id).map((edge) => edge.tail);
  const outputs = edges.filter((edge) => edge.tail === id).map((edge) => edge.head);
  if (inputs.length) parts.push(row("Computed from", ...inputs.map((each) => chip(each))));
  if (outputs.length) parts.push(row("Used by", ...outputs.map((each) => chip(each))));
  parts.push(...codeRows(id), ...costRows(id), ...ruleRows(vertex));
  const isTurning = document.activeElement?.id === "turn";
  nodePanel.replaceChildren(...parts);
  nodePanel.scrollTop = 0;
  if (isTurning) document.getElementById("turn")?.focus();
}

function valueRows(vertex) {
  const found = turnRows(vertex.id);
  const moment = recordedAt(vertex.id);
  const value = valueNow(vertex.id);
  if (moment) found.push(row(moment.title, ...moment.content));
  else if (isComputed(vertex.id) && value) found.push(row("Value", valueOf(value, titleOf(vertex.id))));
  else if (!value && bodyOf(vertex.id) !== undefined && vertex.refers === undefined && !isOpenable(vertex.id)) {
    found.push(row("Value", element("p", { class: "quiet", text: data.values.inside[vertex.id] ?
      "It is not run in this turn." : "It is not run for these inputs." })));
  }
  if (moment) return found;
  for (const gradient of data.values?.gradients[vertex.id] ?? []) {
    const sofar = accumulated(vertex.id);
    if (sofar === null) found.push(row(gradient.name, valueOf(gradient, gradient.name)));
    else if (sofar) found.push(row(`${gradient.name} so far`, valueOf(sofar, gradient.name)));
  }
  return found;
}

// The turn of the loop that a value is in, or of the loop itself, to choose.
function turnRows(id) {
  const holder = data.values?.turns[id] ? id : bodyOf(id);
  const titles = data.values?.turns[holder] ?? [];
  if (titles.length < 2) return [];
  const title = titles[turnOf(holder)];
  const slider = element("input", {
    type: "range", id: "turn", min: 0, max: titles.length - 1, value: turnOf(holder),
    "aria-label": `Turn of ${titleOf(holder)}`, "aria-valuetext": title,
    on: { input: (event) => { showTurn(holder, Number(event.target.value)); change("turn"); } },
  });
  return [row("Turn", element("div", { class: "slider" }, slider, element("output", { text: title })))];
}

function flowLine(flow, other) {
  const value = data.values?.flows[flow.id]?.value;
  return element("li", {}, chip(other), element("code", { text: flow.lines.join(" ") }),
    value ? element("span", { class: "quiet", text: inALine(value) }) : null);
}

function backwardRows(vertex) {
  const found = [];
  const arriving = flows.filter((flow) => flow.head === vertex.id);
  const leavingFlows = flows.filter((flow) => flow.tail === vertex.id);
  if (arriving.length) {
    const title = arriving.length > 1 ? `Gradient: the sum of ${arriving.length}` : "Gradient from";
    found.push(row(title, element("ul", {}, ...arriving.map((flow) => flowLine(flow, flow.tail)))));
  }
  if (leavingFlows.length) {
    found.push(row("Sends back", element("ul", {}, ...leavingFlows.map((flow) => flowLine(flow, flow.head)))));
  }
  const made = vertices.filter((v) => v.backward && isUser(v) && v.refers === undefined &&
    v.through !== undefined && isInside(v.through, vertex.id));
  if (made.length) found.push(row("Backward nodes", ...made.map((each) => chip(each.id))));
  if (vertex.backward && vertex.through !== undefined) found.push(row("Derived through", chip(vertex.through)));
  return found;
}

function codeRows(id) {
  const { forward, backward } = linesOf(id);
  const lines = [...forward, ...backward].slice(0, 6);
  if (!lines.length) return [];
  const list = element("ul", { class: "code" });
  for (const line of lines) {
    list.append(element("li", {}, element("button", {
      type: "button", class: "link", text: String(line), "aria-label": `line ${line}`,
      on: { click: () => { showTab("code"); showLine(line); } },
    }), ...coloured(codeLines[line - 1].trim())));
  }
  return [row("Code", list)];
}

function bytesOf(id) {
  return vertices.filter((v) => isInside(v.id, id))
    .reduce((sum, v) => sum + (data.values?.vertices[v.id]?.bytes ?? 0), 0);
}

const allBytes = vertices.filter((v) => v.parent === undefined).reduce((sum, v) => sum + bytesOf(v.id), 0);

function costRows(id) {
  const words = [];
  const bytes = bytesOf(id);
  if (bytes) words.push(`${bytes.toLocaleString("en")} bytes, ${percent(bytes / allBytes)} of all values`);
  for (const section of data.account) {
    const kept = section.rows[section.vertices.indexOf(id)]?.[2];
    if (kept && kept !== "0") words.push(`${kept} bytes kept for the backward pass`);
  }
  if (data.code.seconds) {
    const { forward, backward } = ownLines(id);
    for (const [name, lines] of [["forward", forward], ["backward", backward]]) {
      const time = lines.reduce((sum, line) => sum + Number(data.code.seconds[line] ?? 0), 0);
      if (time) words.push(`${name} ${(time * 1e6).toFixed(0)} µs, ${percent(time / totalSeconds)} of the step`);
    }
  }
  return words.length ? [row("Cost", element("p", { text: words.join("; ") }))] : [];
}

const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

function ruleRows(vertex) {
  const found = [];
  for (const section of data.account) {
    for (const pass of section.passes) {
      for (const rule of pass.rules) {
        if (rule.vertices.some((each) => isInside(each, vertex.id))) found.push([pass.name, rule]);
      }
    }
  }
  if (!found.length) return [];
  const list = element("ul", {}, ...found.slice(0, 8).map(([pass, rule]) => element("li", {},
    element("code", { text: rule.rule }), element("span", { class: "quiet", text: pass }))));
  return [row("Rules that fired", list)];
}

// The derivation

function equationsOf(section) {
  const whole = element("div", { class: "equations" });
  for (const { vertex, forms } of section.lines) {
    const [name, first, ...others] = forms;
    const line = element("div", {
      class: "equation", "data-vertex": vertex ?? undefined, tabindex: vertex === null ? undefined : 0,
      role: vertex === null ? undefined : "button",
    }, formula(name), element("span", { text: "=" }), formula(first));
    for (const other of others) line.append(element("span"), element("span", { text: "=" }), formula(other));
    whole.append(line);
  }
  return linked(whole);
}

// The formulas of all values that have a name, where nothing is derived.
function formulasOf() {
  const whole = element("div", { class: "equations" });
  for (const vertex of inOrder(vertices.filter((v) => isUser(v) && v.name && data.formulas[v.id]))) {
    whole.append(element("div", { class: "equation", "data-vertex": vertex.id, tabindex: 0, role: "button" },
      formula(data.formulas[vertex.id])));
  }
  return linked(whole);
}

function derivationPanel() {
  const whole = element("div", { class: "derivation" });
  for (const derivation of data.derivations) {
    if (data.derivations.length > 1) whole.append(element("h3", { text: derivation.title }));
    for (const section of derivation.sections) {
      whole.append(element("h3", { text: section.title }), equationsOf(section));
    }
    if (derivation.note) whole.append(element("p", { class: "quiet", text: derivation.note }));
  }
  if (!data.derivations.length) whole.append(formulasOf(), element("p", { class: "quiet", text: "Nothing here has a gradient." }));
  return linked(whole);
}

// The compiler's account

function passesPanel() {
  const whole = element("div");
  for (const section of data.account.filter((each) => each.passes.length)) {
    whole.append(element("h3", { text: section.title }), accountTable(section));
    for (const pass of section.passes) {
      whole.append(element("h4", { text: pass.name }));
      if (!pass.rules.length) whole.append(element("p", { class: "quiet", text: `sound ${pass.reason}` }));
      for (const rule of pass.rules) whole.append(ruleOf(rule));
    }
  }
  return linked(whole);
}

function ruleOf(rule) {
  const list = element("ul");
  for (const [before, after, line, count] of rule.rewrites) {
    list.append(element("li", {}, element("code", { text: before === after ? before : `${before}  →  ${after}` }),
      element("span", { class: "quiet", text: `${line}${count > 1 ? `, ${count} times` : ""}` })));
  }
  return element("details", { class: "rule", "data-vertices": rule.vertices.join(" ") },
    element("summary", {}, element("code", { text: rule.rule }),
      element("span", { class: "quiet", text: rule.count > 1 ? `${rule.count} times` : "once" })),
    element("p", { class: "quiet", text: `Sound: ${rule.sound}` }), list);
}

function accountTable(section) {
  const table = element("table", { class: "account" });
  const isNumber = (cell) => /^[\d,.]+$/.test(cell);
  table.append(element("tr", {}, ...section.headings.map((text) => element("th", { text }))));
  section.rows.forEach((cells, place) => {
    const vertex = section.vertices[place];
    table.append(element("tr", {
      "data-vertex": vertex ?? undefined, tabindex: vertex === undefined || vertex === null ? undefined : 0,
    }, ...cells.map((text) => element("td", { text, class: isNumber(text) ? "number" : "" }))));
  });
  return table;
}

function memoryPanel(sections) {
  const whole = element("div");
  for (const section of sections) {
    whole.append(element("h3", { text: section.title }), accountTable(section));
    for (const note of section.notes) whole.append(element("p", { text: note }));
    if (section.peak !== null) whole.append(element("p", {}, "At the peak: ", chip(section.peak)));
  }
  return linked(whole);
}

// Parts with a vertex light it up, and select it when they are clicked.
function linked(whole) {
  const idOf = (event) => event.target.closest("[data-vertex]")?.dataset.vertex;
  for (const enter of ["mouseover", "focusin"]) {
    whole.addEventListener(enter, (event) => {
      const id = idOf(event);
      light(id === undefined ? [] : [Number(id)]);
    });
  }
  whole.addEventListener("mouseleave", () => light([]));
  const choose = (event) => {
    const id = idOf(event);
    if (id === undefined || event.target.closest("summary, .chip")) return;
    reveal(Number(id));
    select(Number(id), "panel");
  };
  whole.addEventListener("click", choose);
  whole.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.target.closest("button, summary")) choose(event);
  });
  return whole;
}

// Bring what belongs to the selected value into sight in the panel that is open.
function scrollPanels(from) {
  if (state.selected === null || from.includes("panel")) return;
  const panel = document.getElementById(`panel-${shownTab()}`);
  for (const each of panel.querySelectorAll(".selected")) each.classList.remove("selected");
  const own = relatives(state.selected);
  const found = [...panel.querySelectorAll("[data-vertex], [data-vertices]")].filter((each) =>
    (each.dataset.vertices?.split(" ") ?? [each.dataset.vertex]).some((id) => own.has(Number(id))));
  found.forEach((each) => each.classList.add("selected"));
  const first = found[0];
  if (!first) return;
  const place = first.offsetTop - panel.offsetTop;
  if (place < panel.scrollTop || place > panel.scrollTop + panel.clientHeight - 40) {
    panel.scrollTop = place - panel.clientHeight / 3;
  }
}
