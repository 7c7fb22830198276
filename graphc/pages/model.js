// The data of the page, with what follows from it, and the state that a reader changes.

const data = JSON.parse(document.getElementById("data").textContent);
const vertices = data.graph.vertices.map((vertex, id) => ({
  id, lines: [], about: [], rules: [], children: [], ...vertex,
}));
for (const vertex of vertices) {
  if (vertex.parent !== undefined) vertices[vertex.parent].children.push(vertex.id);
}
const isLayer = (id) => vertices[id].role === "layer";

// Vertices stand in the order of computation; a layer where its first one is.
const firstOf = (vertex) => (vertex.role === "layer" ? Math.min(...vertex.children.map((id) => firstOf(vertices[id]))) : vertex.id);
const inOrder = (some) => [...some].sort((one, other) => firstOf(one) - firstOf(other));

const edges = data.graph.edges.map(([tail, head, text]) => ({ tail, head, text }));
const flows = data.graph.flows.map(([tail, head, lines], id) => ({ id, tail, head, lines }));
const exits = data.graph.exits;
const codeLines = data.code.text.replace(/\n$/, "").split("\n");
const hasBackward = vertices.some((vertex) => vertex.backward);

const state = {
  view: flows.length ? "overlay" : "forward",
  open: new Set(layersAtFirst()),
  selected: null,
  step: null, // The number of steps that were taken; null shows all values.
  epoch: null, // The frame of the recording that is shown.
  turns: new Map(), // The turn of each loop that is shown, the first where there is none.
};

// Layers are open where the graph is small.
function layersAtFirst() {
  const layers = vertices.filter((v) => v.role === "layer");
  const inner = vertices.filter((v) => !v.backward && (v.parent === undefined || isLayer(v.parent)));
  return inner.length - layers.length <= 40 ? layers.map((v) => v.id) : [];
}

const listeners = [];
const onChange = (listener) => listeners.push(listener);
function change(kind) {
  for (const listener of listeners) listener(kind);
}

const isOpenable = (id) => vertices[id].children.length > 0;
const isOpen = (id) => state.open.has(id);

function ancestorsOf(id) {
  const found = [];
  for (let up = vertices[id].parent; up !== undefined; up = vertices[up].parent) found.push(up);
  return found;
}

// The vertex that stands for one in the drawing: itself, or the closed block around it.
function seen(id) {
  const closed = ancestorsOf(id).filter((up) => !isOpen(up));
  return closed.length ? closed[closed.length - 1] : id;
}

// The vertex whose value an open block has; a closed one is that itself. Of a block with
// several results, the one that another vertex is.
function leaving(id, by) {
  const { place = 0 } = vertices[by] ?? {};
  let now = seen(id);
  while (isOpen(now) && exits[now]) now = seen(exits[now][place] ?? exits[now][0]);
  return now;
}

const isUser = (v) => v.role !== "layer" && (v.parent === undefined || isLayer(v.parent));
const isInside = (id, block) => id === block || ancestorsOf(id).includes(block);

// The value that a vertex marks, or stands for.
const meant = (id) => (vertices[id].refers === undefined ? id : meant(vertices[id].refers));

// The vertices of the other pass that belong to one, and itself.
function relatives(id) {
  const found = new Set([id, meant(id)]);
  const value = meant(id);
  for (const other of vertices) {
    if (other.refers === id || other.refers === value) found.add(other.id);
    if (other.through !== undefined && isInside(other.through, value)) found.add(other.id);
  }
  const { through } = vertices[value];
  if (vertices[value].backward && through !== undefined) found.add(through);
  return found;
}

// The lines of code of a vertex; where it has none of its own, of what is computed with it:
// the block around it, or what uses it.
function linesOf(id) {
  let some = [meant(id)];
  for (let far = 0; far < 4 && some.length; far += 1) {
    for (const near of some) {
      const around = ancestorsOf(near).filter((up) => !isLayer(up));
      for (const block of [near, ...around]) {
        const found = ownLines(block);
        if (found.forward.length || found.backward.length) return found;
      }
    }
    some = edges.filter((edge) => some.includes(edge.tail)).map((edge) => meant(edge.head));
  }
  return { forward: [], backward: [] };
}

function ownLines(block) {
  const found = { forward: [], backward: [] };
  for (const [line, link] of Object.entries(data.code.links)) {
    const number = Number(line);
    if (link.vertex !== undefined && isInside(link.vertex, block)) found.forward.push(number);
    else if (link.backward?.some((each) => isInside(each, block))) found.backward.push(number);
    else if (link.through !== undefined && isInside(link.through, block)) found.backward.push(number);
  }
  return found;
}

// The lines that compute what flows along one edge, or else those of its vertex.
function linesOfFlow(flow) {
  const own = Object.entries(data.code.links)
    .filter(([, link]) => link.through !== undefined && link.of === flow.head && isInside(link.through, flow.tail));
  return own.length ? own.map(([line]) => Number(line)) : ownLines(flow.tail).backward;
}

// The vertex with bodies that one is inside of, if its turns are known.
const bodyOf = (id) => ancestorsOf(id).find((up) => data.values?.turns[up]);
const turnOf = (holder) => state.turns.get(holder) ?? 0;

// The value of a vertex; of one in a body at the turn that is shown.
function valueNow(id) {
  const inside = data.values?.inside[id];
  return inside ? inside[turnOf(bodyOf(id))] : data.values?.vertices[id];
}

// Show a turn of a loop; with it a turn of the loops inside that belongs to it.
function showTurn(holder, turn) {
  const titles = data.values.turns[holder];
  state.turns.set(holder, Math.max(0, Math.min(titles.length - 1, turn)));
  for (const [other, some] of Object.entries(data.values.turns)) {
    if (bodyOf(Number(other)) !== holder) continue;
    const own = turnsAt(Number(other), titles[turnOf(holder)]);
    if (own.length && !own.includes(turnOf(Number(other))) && some.length > 1) showTurn(Number(other), own[0]);
  }
}

// The turns of a loop in one turn of what is around it.
function turnsAt(holder, title) {
  const titles = data.values.turns[holder];
  return [...titles.keys()].filter((turn) => !title || titles[turn] === title || titles[turn].startsWith(`${title}, `));
}

// The words of a value without its shape, which stands beside them.
const wordsOf = (value) => value.text.map((line) => line.replace(/^\([\d, ]*\),? ?/, "")).filter(Boolean);

// The same in one line.
function inALine(value) {
  const words = wordsOf(value);
  return words[0]?.startsWith("=") ? words.join(" ").slice(2) : words.join(", ");
}

const titleOfFrame = (id) => vertices[id].lines.join(" · ");
// The name of a value in a sentence: of one without a name the op, not its sign.
const titleOf = (id) => (/[A-Za-z]/.test(vertices[id].lines[0]) ? vertices[id].lines[0] : vertices[id].op);

function select(id, from = "") {
  state.selected = id;
  change(`select ${from}`);
}

function toggle(id, open = !isOpen(id)) {
  if (!isOpenable(id)) return;
  if (open) state.open.add(id);
  else state.open.delete(id);
  change("layout");
}

// Open all blocks around a vertex, so that it is drawn.
function reveal(id) {
  const closed = ancestorsOf(id).filter((up) => !isOpen(up));
  if (!closed.length) return;
  closed.forEach((up) => state.open.add(up));
  change("layout");
}

function element(tag, options = {}, ...children) {
  const { text, on, ...attributes } = options;
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  if (text !== undefined) made.textContent = text;
  for (const [name, handler] of Object.entries(on ?? {})) made.addEventListener(name, handler);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// A formula: MathML that the compiler wrote, with every name in it escaped.
function formula(markup) {
  const made = element("span", { class: "formula" });
  made.innerHTML = markup;
  return made;
}

// A button that leads to a vertex.
function chip(id, text = titleOf(id)) {
  return element("button", {
    type: "button",
    class: `chip ${vertices[id].role}`,
    "data-vertex": id,
    text,
    on: {
      click: () => { reveal(meant(id)); select(id, "chip"); },
      mouseenter: () => light([id]),
      focus: () => light([id]),
      mouseleave: () => light([]),
      blur: () => light([]),
    },
  });
}

// Mark everything on the page that is about some vertices; nothing removes the marks.
function light(ids) {
  const all = new Set(ids.flatMap((id) => [...relatives(id)]));
  const shown = new Set([...all].flatMap((id) => [id, seen(id)]));
  for (const each of document.querySelectorAll(".lit")) each.classList.remove("lit");
  if (!ids.length) return;
  for (const each of document.querySelectorAll("[data-vertex], [data-vertices], [data-line]")) {
    const own = each.dataset.vertices?.split(" ") ?? [each.dataset.vertex];
    if (own.some((id) => id !== undefined && id !== "" && shown.has(Number(id)))) each.classList.add("lit");
  }
  for (const id of ids) {
    const { forward, backward } = linesOf(id);
    for (const line of [...forward, ...backward]) {
      document.querySelector(`[data-line="${line}"]`)?.classList.add("lit");
    }
  }
}

function announce(text) {
  document.getElementById("announced").textContent = text;
}
