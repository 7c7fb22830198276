// The emitted code, whose lines know the values that they compute.

const WORDS = /("""|#.*|"(?:[^"\\]|\\.)*"?|\b(?:def|return|for|in|if|else|elif|import|from|as|while|not|and|or|None|True|False|with|raise|is|lambda|class|try|except|global)\b|\b\d[\d_.]*(?:e[-+]?\d+)?\b)/g;
const totalSeconds = Object.values(data.code.seconds ?? {}).reduce((sum, time) => sum + Number(time), 0);

// A line as text with its comments, words, texts and numbers told apart.
function coloured(text) {
  return text.split(WORDS).map((part, place) => {
    if (place % 2 === 0) return part;
    const kind = part.startsWith("#") ? "comment" : part.startsWith('"') ? "text" : /^\d/.test(part) ? "digits" : "word";
    return element("span", { class: kind, text: part });
  });
}

function vertexOf(link) {
  return link.vertex ?? link.through;
}

function codePanel() {
  const list = element("div", { class: "lines" });
  let isText = false;
  codeLines.forEach((text, place) => {
    const number = place + 1;
    const link = data.code.links[number];
    const quotes = text.split('"""').length - 1;
    const content = isText || quotes ? [element("span", { class: "text", text })] : coloured(text);
    if (quotes % 2) isText = !isText;
    const line = element("div", {
      class: `line ${link ? "linked" : ""} ${link?.through !== undefined ? "backward" : ""}`,
      "data-line": number,
      "data-vertices": link ? [vertexOf(link), link.of, ...(link.backward ?? [])].filter((id) => id !== undefined && id !== null).join(" ") : undefined,
      tabindex: link ? -1 : undefined,
      role: link ? "button" : undefined,
    }, element("span", { class: "number", text: String(number) }));
    const time = Number(data.code.seconds?.[number] ?? 0);
    if (data.code.seconds) {
      const bar = element("span", { class: "time", title: time ? `${(time * 1e6).toFixed(0)} µs` : "" });
      bar.append(element("span"));
      bar.firstChild.style.width = `${Math.min(100, (100 * time) / (totalSeconds || 1) * 2)}%`;
      line.append(bar);
    }
    line.append(element("code", {}, ...content));
    list.append(line);
  });
  const first = list.querySelector(".linked");
  if (first) first.tabIndex = 0;
  list.addEventListener("mouseover", (event) => lightLine(event.target.closest(".line")));
  list.addEventListener("focusin", (event) => lightLine(event.target.closest(".line")));
  list.addEventListener("mouseleave", () => light([]));
  list.addEventListener("click", (event) => chooseLine(event.target.closest(".line")));
  list.addEventListener("keydown", (event) => {
    const line = event.target.closest(".linked");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter") chooseLine(line);
    else if (step) {
      const all = [...list.querySelectorAll(".linked")];
      const next = all[all.indexOf(line) + step];
      if (next) { line.tabIndex = -1; next.tabIndex = 0; next.focus(); }
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return list;
}

// A line of the backward pass is about what it goes through, and about whose gradient it is.
function lightLine(line) {
  const link = line && data.code.links[line.dataset.line];
  if (!link) {
    light([]);
    return;
  }
  light([]);
  const own = [link.vertex ?? link.through, ...(link.backward ?? [])];
  const shown = new Set(own.filter((id) => id !== undefined).flatMap((id) => [id, seen(id)]));
  line.classList.add("lit");
  for (const each of document.querySelectorAll("#picture [data-vertex], #panels [data-vertex]")) {
    if (shown.has(Number(each.dataset.vertex))) each.classList.add("lit");
  }
  for (const flow of canvas.querySelectorAll(".flow")) {
    const ids = flow.dataset.flows.split(" ").map((id) => flows[id]);
    if (link.through !== undefined && ids.some((each) => each.tail === seenValue(link.through) && each.head === link.of)) {
      flow.classList.add("lit");
    }
  }
}

// The value of the graph of layers that one belongs to.
function seenValue(id) {
  const around = ancestorsOf(id);
  return around.length ? around[around.length - 1] : id;
}

function chooseLine(line) {
  const link = line && data.code.links[line.dataset.line];
  if (!link) return;
  const id = vertexOf(link);
  if (state.view === "backward" && link.backward?.length) select(link.backward[0], "code");
  else select(placed.has(id) ? id : seen(id), "code");
}

function showLine(number) {
  const line = document.querySelector(`[data-line="${number}"]`);
  if (!line) return;
  const panel = document.getElementById("panel-code");
  panel.scrollTop = line.offsetTop - panel.offsetTop - panel.clientHeight / 3;
  line.focus({ preventScroll: true });
}

function markCode(from) {
  for (const each of document.querySelectorAll(".line.chosen")) each.classList.remove("chosen");
  if (state.selected === null) return;
  const flow = from.includes("step") ? steps[state.step - 1]?.flow : undefined;
  const { forward, backward } = flow ? { forward: [], backward: linesOfFlow(flow) } : linesOf(state.selected);
  const lines = [...forward, ...backward];
  for (const number of lines) document.querySelector(`[data-line="${number}"]`)?.classList.add("chosen");
  if (from.includes("code") || !lines.length || shownTab() !== "code") return;
  const panel = document.getElementById("panel-code");
  // What trains stands below what only evaluates.
  const target = vertices[state.selected].backward && backward.length ? backward[0] : lines[lines.length > 1 && forward.length > 1 ? Math.min(1, forward.length - 1) : 0];
  const line = document.querySelector(`[data-line="${target}"]`);
  const place = line.offsetTop - panel.offsetTop;
  if (place < panel.scrollTop || place > panel.scrollTop + panel.clientHeight - 30) {
    panel.scrollTop = place - panel.clientHeight / 3;
  }
}
