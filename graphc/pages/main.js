// The page as a whole: views, search, keys and the divider.

const byId = (id) => document.getElementById(id);
const VIEWS = [["forward", "Forward"]];
if (flows.length) VIEWS.push(["overlay", "Gradients over it"], ["sides", "Side by side"], ["backward", "Backward"]);

const KEYS = [
  ["Tab", "from part to part"],
  ["↑ ↓ ← →", "in the graph: along edges, and to what stands beside"],
  ["Enter", "select what has the focus"],
  ["Space or o", "open or close a block"],
  ["n, p", "next and previous step of the passes"],
  ["[ ]", "previous and next turn of the loop that the selected value is in"],
  ["Home, End", "before the first step; all values"],
  ["b", "from a value to its backward nodes, and back"],
  ["1 2 3 4", "forward, gradients over it, side by side, backward"],
  ["/", "search; Enter goes from one that is found to the next"],
  ["+ − f", "larger, smaller, the whole graph"],
  ["e, c", "open one level more of blocks, close all"],
  ["g, v, x", "to the graph, to the selected value, to the open tab"],
  ["d", "dark or light"],
  ["Escape", "select nothing; all values"],
  ["?", "these keys"],
];

function showView(name) {
  const stepsOf = (view) => ["sides", "backward"].indexOf(view);
  if (state.step !== null && stepsOf(state.view) !== stepsOf(name)) {
    state.step = null;
    tellStep(null);
  }
  state.view = name;
  change("view");
}

for (const [name, title] of VIEWS) {
  byId("views").append(element("button", {
    type: "button", role: "radio", "data-view": name, "aria-checked": "false", text: title,
    on: { click: () => showView(name) },
  }));
}
byId("views").hidden = VIEWS.length < 2;
byId("views").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const all = [...byId("views").children];
  const next = all[(all.indexOf(event.target) + step + all.length) % all.length];
  showView(next.dataset.view);
  next.focus();
  event.preventDefault();
});

function openMore() {
  for (const id of vertices.map((v) => v.id).filter((each) => isOpenable(each) && placed.has(each))) state.open.add(id);
  change("layout");
  fit();
}

function closeAll() {
  state.open.clear();
  change("layout");
  fit(false);
}

// Search

let results = [];
let result = -1;

function search(text) {
  const words = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const told = (v) => [...v.lines, v.op, v.name, v.shape, v.type, v.line].join(" ").toLowerCase();
  results = words.length ? vertices.filter((v) => v.refers === undefined && words.every((word) => told(v).includes(word))) : [];
  result = -1;
  byId("found").textContent = words.length ? `${results.length} found; Enter goes from one to the next` : "";
  const ids = new Set(results.map((v) => seen(v.id)));
  for (const each of canvas.querySelectorAll("[data-vertex]")) {
    each.classList.toggle("found", ids.has(Number(each.dataset.vertex)));
  }
}

function nextResult() {
  if (!results.length) return;
  result = (result + 1) % results.length;
  const { id, backward } = results[result];
  if (backward && !["backward", "sides"].includes(state.view)) showView("sides");
  if (!backward && state.view === "backward") showView("sides");
  reveal(id);
  select(id, "search");
  bringIntoView(id);
  byId("found").textContent = `${result + 1} of ${results.length}: ${vertices[id].lines.join(" · ")}`;
}

byId("search").addEventListener("input", (event) => search(event.target.value));
byId("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter") nextResult();
  else if (event.key === "Escape") {
    event.target.value = "";
    search("");
    focusVertex(seen(state.selected ?? 0));
  } else return;
  event.preventDefault();
  event.stopPropagation();
});
const names = new Set(vertices.map((v) => v.name).filter(Boolean));
byId("names").append(...[...names].map((value) => element("option", { value })));

// Light and dark

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  byId("theme").textContent = dark ? "Light" : "Dark";
  repaint();
}
const prefers = matchMedia("(prefers-color-scheme: dark)");
prefers.addEventListener("change", (event) => setTheme(event.matches));

// The divider

function setWidth(share) {
  document.documentElement.style.setProperty("--graph", `${Math.max(20, Math.min(80, share))}%`);
  byId("divider").setAttribute("aria-valuenow", Math.round(share));
}
let share = 55;
byId("divider").addEventListener("pointerdown", (event) => byId("divider").setPointerCapture(event.pointerId));
byId("divider").addEventListener("pointermove", (event) => {
  if (!byId("divider").hasPointerCapture(event.pointerId)) return;
  share = (100 * event.clientX) / innerWidth;
  setWidth(share);
});
byId("divider").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -4, ArrowRight: 4 }[event.key];
  if (!step) return;
  share = Math.max(20, Math.min(80, share + step));
  setWidth(share);
  event.preventDefault();
});

// Keys of the whole page

let returned = null;
function goBackward() {
  if (state.selected === null) return;
  const vertex = vertices[state.selected];
  if (vertex.backward) {
    const target = vertex.refers ?? vertex.through;
    if (target !== undefined) select(returned ?? target, "key");
    returned = null;
    return;
  }
  const made = vertices.filter((v) => v.backward && v.refers === undefined && v.through !== undefined &&
    isInside(v.through, meant(vertex.id)));
  if (!made.length) return;
  returned = vertex.id;
  if (!["sides", "backward"].includes(state.view)) showView("sides");
  select(made[0].id, "key");
  bringIntoView(made[0].id);
}

function turnBy(step) {
  const { selected } = state;
  if (selected === null || !data.values) return;
  const holder = data.values.turns[selected] ? selected : bodyOf(selected);
  if (holder === undefined) return;
  showTurn(holder, turnOf(holder) + step);
  change("turn");
}

const ACTIONS = {
  n: () => stepBy(1),
  p: () => stepBy(-1),
  "[": () => turnBy(-1),
  "]": () => turnBy(1),
  Home: () => stepTo(0),
  End: () => stepTo(null),
  b: goBackward,
  "/": () => byId("search").focus(),
  "+": () => zoom(1.25),
  "=": () => zoom(1.25),
  "-": () => zoom(0.8),
  f: () => fit(),
  e: openMore,
  c: closeAll,
  d: () => setTheme(!isDark()),
  g: () => focusVertex(seen(state.selected ?? 0)),
  v: () => nodePanel.focus(),
  x: () => byId(`panel-${shownTab()}`).focus(),
  "?": () => byId("keys").showModal(),
  Escape: () => {
    state.step = null;
    state.epoch = null;
    select(null);
    change("epoch");
    tellStep(null);
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  const input = event.target.closest("input");
  if (input && (input.type !== "range" || /^(Arrow|Home|End|Page)/.test(event.key))) return;
  const action = ACTIONS[event.key];
  const view = VIEWS[Number(event.key) - 1];
  if (view) showView(view[0]);
  else if (action) action();
  else return;
  event.preventDefault();
});

byId("fit").addEventListener("click", () => fit());
byId("open-all").addEventListener("click", openMore);
byId("close-all").addEventListener("click", closeAll);
byId("theme").addEventListener("click", () => setTheme(!isDark()));
byId("help").addEventListener("click", () => byId("keys").showModal());
byId("keys").append(element("h2", { text: "Keys" }), element("dl", {}, ...KEYS.flatMap(([keys, words]) =>
  [element("dt", { text: keys }), element("dd", { text: words })])),
element("button", { type: "button", text: "Close", on: { click: () => byId("keys").close() } }));

onChange((kind) => {
  if (kind === "layout" || (kind === "epoch" && state.epoch === null)) draw();
  if (kind === "turn") {
    draw();
    showNode();
    announce(document.getElementById("turn")?.ariaValueText ?? "");
  }
  if (kind === "view") {
    draw();
    fit(false);
    for (const each of byId("views").children) {
      const isShown = each.dataset.view === state.view;
      each.setAttribute("aria-checked", String(isShown));
      each.tabIndex = isShown ? 0 : -1;
    }
  }
  if (kind.startsWith("select") || kind === "step" || kind === "epoch" || kind === "layout") {
    if (kind.startsWith("select") && !placed.has(seen(state.selected ?? 0))) draw();
    mark();
    showNode();
    markCode(kind);
  }
  if (kind.startsWith("select")) {
    scrollPanels(kind);
    if (state.selected !== null && !kind.includes("step")) announce(`Selected: ${vertices[state.selected].lines.join(", ")}`);
  }
  if (kind === "tab") {
    markCode("");
    scrollPanels("");
  }
});

nodePanel.tabIndex = -1;
addTab("code", "Code", codePanel());
addTab("derivation", data.derivations.length ? "Derivation" : "Formulas", derivationPanel());
addTab("rules", "Rules", passesPanel());
const memory = data.account.filter((section) => !section.passes.length);
if (memory.length) addTab("memory", "Memory", memoryPanel(memory));
if (recording) addTab("training", "Training", trainingPanel());
setTheme(prefers.matches);
setWidth(share);
showNode();
const firstBackward = Object.keys(data.code.links).find((line) => data.code.links[line].through !== undefined);
if (firstBackward) {
  const start = codeLines.slice(0, firstBackward).findLastIndex((text) => text.startsWith("def "));
  const line = document.querySelector(`[data-line="${start + 1}"]`);
  byId("panel-code").scrollTop = line.offsetTop - byId("panel-code").offsetTop - 8;
}
showView(state.view);
addEventListener("resize", () => fit(false));

// On paper the whole graph stands on a sheet, and nothing is folded.
addEventListener("beforeprint", () => {
  picture.setAttribute("viewBox", `-10 -10 ${extent.width + 20} ${extent.height + 20}`);
  canvas.removeAttribute("transform");
  for (const each of document.querySelectorAll("details")) each.open = true;
});
addEventListener("afterprint", () => {
  picture.removeAttribute("viewBox");
  move();
});
