// The picture: vertices, edges and flows as SVG that is moved, searched and walked.

const picture = document.getElementById("picture");
const canvas = drawn("g", { class: "canvas" });
const camera = { x: 0, y: 0, scale: 1 };
let placed = new Map(); // Centres and sizes of what is drawn, by vertex.
let extent = { width: 1, height: 1 };

picture.append(
  drawn("defs", {},
    arrowhead("arrow", "arrow"),
    arrowhead("arrow-back", "arrow back")),
  canvas,
);

function arrowhead(id, kind) {
  const path = drawn("path", { d: "M0,0 L8,4 L0,8 z", class: kind });
  return drawn("marker", {
    id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, markerUnits: "userSpaceOnUse", orient: "auto",
  }, path);
}

// The outline of a vertex: each role has one, so that colour is not all that tells.
function outline(role, w, h) {
  const x = -w / 2;
  const y = -h / 2;
  if (role === "input") {
    return `M${x + 10},${y} H${-x} L${-x - 10},${-y} H${x} Z`;
  }
  if (role === "parameter") {
    return `M${x},${y + 5} a${w / 2},5 0 0 1 ${w},0 V${-y - 5} a${w / 2},5 0 0 1 ${-w},0 Z ` +
      `M${x},${y + 5} a${w / 2},5 0 0 0 ${w},0`;
  }
  if (role.startsWith("gradient")) {
    const c = Math.min(8, h / 3);
    return `M${x + c},${y} H${-x - c} L${-x},${y + c} V${-y - c} L${-x - c},${-y} H${x + c} ` +
      `L${x},${-y - c} V${y + c} Z`;
  }
  const r = role === "output" ? h / 2 : role === "op" ? 8 : 2;
  return `M${x + r},${y} H${-x - r} a${r},${r} 0 0 1 ${r},${r} V${-y - r} a${r},${r} 0 0 1 ${-r},${r} ` +
    `H${x + r} a${r},${r} 0 0 1 ${-r},${-r} V${y + r} a${r},${r} 0 0 1 ${r},${-r} Z`;
}

// A line through points, with round corners.
function curve(points) {
  let path = `M${points[0].x},${points[0].y}`;
  for (let i = 1; i < points.length - 1; i += 1) {
    const [start, corner, end] = points.slice(i - 1, i + 2);
    path += ` L${along(corner, start)} Q${corner.x},${corner.y} ${along(corner, end)}`;
  }
  const last = points[points.length - 1];
  return `${path} L${last.x},${last.y}`;
}

// The point where a corner begins to be round.
function along(from, to) {
  const far = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const share = Math.min(0.5, 40 / far);
  return `${from.x + (to.x - from.x) * share},${from.y + (to.y - from.y) * share}`;
}

// The same line some way to the right of one that goes down.
function shifted(points, far) {
  return points.map((point, place) => {
    const before = points[Math.max(0, place - 1)];
    const after = points[Math.min(points.length - 1, place + 1)];
    const [x, y] = [after.x - before.x, after.y - before.y];
    const length = Math.hypot(x, y) || 1;
    return { x: point.x + (far * y) / length, y: point.y - (far * x) / length };
  });
}

function drawVertex(vertex, node, offset) {
  const lines = node.lines;
  const group = drawn("g", {
    class: `vertex ${vertex.role}`,
    transform: `translate(${node.x + offset},${node.y})`,
    "data-vertex": vertex.id,
    tabindex: -1,
    role: "button",
    "aria-label": [...vertex.lines, vertex.shape].filter(Boolean).join(", ") +
      (isOpenable(vertex.id) ? ", closed block" : ""),
  });
  group.append(drawn("path", { d: outline(vertex.role, node.width, node.height), class: "shape" }));
  if (["block", "gradient-block", "output", "layer"].includes(vertex.role)) {
    group.append(drawn("path", { d: outline(vertex.role, node.width - 6, node.height - 6), class: "inner" }));
  }
  const top = -((lines.length - 1) * LINE) / 2 + (vertex.role === "parameter" ? 3 : 0);
  const shift = isOpenable(vertex.id) ? -8 : 0;
  lines.forEach((line, place) => {
    const text = drawn("text", { x: shift, y: top + place * LINE, class: line.kind });
    text.textContent = line.text;
    group.append(text);
  });
  if (isOpenable(vertex.id)) group.append(opener(vertex.id, node.width / 2 - 13, 0, "+"));
  const title = drawn("title");
  title.textContent = vertex.about.join("\n");
  group.append(title);
  return group;
}

function opener(id, x, y, sign) {
  const group = drawn("g", { class: "opener", transform: `translate(${x},${y})` },
    drawn("circle", { r: 7 }));
  const text = drawn("text", { y: 0.5 });
  text.textContent = sign;
  group.append(text);
  group.addEventListener("click", (event) => {
    event.stopPropagation();
    toggle(id);
    focusVertex(seen(id));
  });
  return group;
}

function drawFrame(vertex, node, offset) {
  const left = node.x - node.width / 2 + offset;
  const top = node.y - node.height / 2;
  const group = drawn("g", {
    class: `frame ${vertex.backward ? "gradient" : ""}`, "data-vertex": vertex.id, tabindex: -1, role: "button",
    "aria-label": `${titleOfFrame(vertex.id)}, open block`,
  });
  group.append(drawn("rect", { x: left, y: top, width: node.width, height: node.height, rx: 6 }));
  const text = drawn("text", { x: left + 24, y: top + 13 });
  text.textContent = short(titleOfFrame(vertex.id), Math.max(8, Math.floor((node.width - 24) / 6)));
  group.append(text, opener(vertex.id, left + 12, top + 12, "−"));
  return group;
}

function drawEdge({ edge, points, lines, x, y, width }, offset) {
  const moved = points.map((point) => ({ x: point.x + offset, y: point.y }));
  const group = drawn("g", { class: "edge", "data-tail": edge.tail, "data-head": edge.head });
  group.append(drawn("path", { d: curve(moved), class: "line", "marker-end": "url(#arrow)" }));
  const title = drawn("title");
  title.textContent = edge.text;
  group.append(title);
  if (!edge.flows.length) return [group];
  const back = drawn("g", {
    class: "flow",
    "data-vertices": edge.flows.flatMap((flow) => [flow.tail, flow.head]).join(" "),
    "data-flows": edge.flows.map((flow) => flow.id).join(" "),
  });
  const beside = shifted(moved, 6).reverse();
  back.append(drawn("path", { d: curve(beside), class: "line", "marker-end": "url(#arrow-back)" }));
  lines.forEach((line, place) => {
    const text = drawn("text", {
      x: x + offset - width / 2 + 6,
      y: y + (place - (lines.length - 1) / 2) * 13,
    });
    text.textContent = line;
    back.append(text);
  });
  const told = drawn("title");
  told.textContent = edge.flows.flatMap((flow) => flow.lines).join("\n");
  back.append(told);
  back.addEventListener("click", () => select(meant(edge.flows[0].head), "flow"));
  return [group, back];
}

function drawPass(backward, offset) {
  const graph = visibleGraph(backward);
  if (!backward && state.view === "overlay") withFlows(graph);
  const layout = layOut(graph);
  const frames = graph.shown.filter((vertex) => isOpen(vertex.id));
  frames.sort((one, other) => ancestorsOf(one.id).length - ancestorsOf(other.id).length);
  const parts = document.createDocumentFragment();
  for (const vertex of frames) parts.append(drawFrame(vertex, layout.nodes.get(vertex.id), offset));
  for (const edge of layout.edges) parts.append(...drawEdge(edge, offset));
  for (const vertex of graph.shown) {
    const node = layout.nodes.get(vertex.id);
    if (!isOpen(vertex.id)) parts.append(drawVertex(vertex, node, offset));
    placed.set(vertex.id, { x: node.x + offset, y: node.y, width: node.width, height: node.height });
  }
  canvas.append(parts);
  return layout;
}

function draw() {
  const kept = document.activeElement?.closest("#picture [data-vertex]")?.dataset.vertex;
  canvas.replaceChildren();
  placed = new Map();
  extent = { width: 0, height: 0 };
  const passes = { forward: [false], overlay: [false], backward: [true], sides: [false, true] }[state.view];
  for (const backward of passes) {
    const size = drawPass(backward, extent.width);
    extent.width += size.width + (passes.length > 1 && !backward ? 40 : 0);
    extent.height = Math.max(extent.height, size.height);
  }
  mark();
  if (kept !== undefined) focusVertex(seen(Number(kept)), false);
}

// The marks of selection and of steps on what is drawn.
function mark() {
  const chosen = state.selected === null ? new Set() : relatives(state.selected);
  const shown = new Set([...chosen].map(seen));
  for (const each of canvas.querySelectorAll("[data-vertex]")) {
    const id = Number(each.dataset.vertex);
    each.classList.toggle("selected", state.selected !== null && id === seen(state.selected));
    each.classList.toggle("related", shown.has(id) && id !== seen(state.selected));
    each.tabIndex = -1;
  }
  for (const edge of canvas.querySelectorAll(".edge")) {
    const ends = [Number(edge.dataset.tail), Number(edge.dataset.head)];
    edge.classList.toggle("related", state.selected !== null && ends.includes(seen(state.selected)));
  }
  const entry = state.selected !== null && placed.has(seen(state.selected)) ? seen(state.selected) :
    [...placed.keys()].find((id) => !isOpen(id));
  const first = canvas.querySelector(`[data-vertex="${entry}"]`);
  if (first) first.tabIndex = 0;
  markSteps();
  markRecorded();
}

function move() {
  canvas.setAttribute("transform", `translate(${camera.x},${camera.y}) scale(${camera.scale})`);
}

// Show the graph: all of it, or as much as can be read, from its beginning on. Two graphs
// side by side are an overview.
function fit(whole = true) {
  const { width, height } = picture.getBoundingClientRect();
  const across = (width - 24) / extent.width;
  const legible = state.view === "sides" ? Math.max(0.3, Math.min(0.85, across)) : across < 0.65 ? 0.78 : Math.min(0.85, across);
  camera.scale = Math.max(whole ? 0.1 : legible, Math.min(1.2, across, (height - 24) / extent.height));
  camera.x = Math.max(12, (width - extent.width * camera.scale) / 2);
  camera.y = Math.max(12, (height - extent.height * camera.scale) / 2);
  const first = [...placed].filter(([id]) => !isOpen(id)).reduce((one, other) => (other[1].y < one[1].y ? other : one), [0, { y: Infinity }]);
  const entry = state.selected === null ? first[1] : placed.get(seen(state.selected));
  const isCut = extent.width * camera.scale > width;
  if (!whole && entry && isCut && state.view !== "sides") {
    camera.x = Math.max(width - 12 - extent.width * camera.scale, Math.min(12, width / 2 - entry.x * camera.scale));
  }
  move();
  if (!whole && state.selected !== null) bringIntoView(state.selected);
}

function zoom(factor, at = null) {
  const box = picture.getBoundingClientRect();
  const x = at ? at.x - box.left : box.width / 2;
  const y = at ? at.y - box.top : box.height / 2;
  const scale = Math.max(0.08, Math.min(4, camera.scale * factor));
  camera.x = x - ((x - camera.x) * scale) / camera.scale;
  camera.y = y - ((y - camera.y) * scale) / camera.scale;
  camera.scale = scale;
  move();
}

// Move the picture as little as needed to have a vertex in sight.
function bringIntoView(id) {
  const place = placed.get(seen(id));
  if (!place) return;
  const box = picture.getBoundingClientRect();
  const x = place.x * camera.scale + camera.x;
  const y = place.y * camera.scale + camera.y;
  const w = (place.width * camera.scale) / 2 + 24;
  const h = (place.height * camera.scale) / 2 + 24;
  if (x < w) camera.x += w - x;
  if (x > box.width - w) camera.x -= x - box.width + w;
  if (y < h) camera.y += h - y;
  if (y > box.height - h) camera.y -= y - box.height + h;
  move();
}

function focusVertex(id, moves = true) {
  const found = canvas.querySelector(`.vertex[data-vertex="${id}"], .frame[data-vertex="${id}"]`);
  if (!found) return;
  if (moves) bringIntoView(id);
  found.focus({ preventScroll: true });
}

// The nearest vertex in a direction: along edges up and down, beside it to the sides.
function neighbour(id, key) {
  const here = placed.get(id);
  const linked = new Set();
  for (const edge of canvas.querySelectorAll(".edge")) {
    const [tail, head] = [Number(edge.dataset.tail), Number(edge.dataset.head)];
    if (key === "ArrowUp" && head === id) linked.add(tail);
    if (key === "ArrowDown" && tail === id) linked.add(head);
  }
  const vertical = key === "ArrowUp" || key === "ArrowDown";
  const sign = key === "ArrowUp" || key === "ArrowLeft" ? -1 : 1;
  let best = null;
  let least = Infinity;
  for (const [other, place] of placed) {
    if (other === id || (isOpen(other) && !linked.has(other))) continue;
    const along = sign * (vertical ? place.y - here.y : place.x - here.x);
    const across = Math.abs(vertical ? place.x - here.x : place.y - here.y);
    if (linked.has(other) ? false : along <= 1) continue;
    if (vertical && linked.size && !linked.has(other)) continue;
    const far = Math.abs(along) + across * (vertical ? 1 : 3);
    if (far < least) [best, least] = [other, far];
  }
  return best;
}

picture.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY * 0.0015), { x: event.clientX, y: event.clientY });
}, { passive: false });

let dragged = null;
picture.addEventListener("pointerdown", (event) => {
  if (event.button === 0) dragged = { x: event.clientX, y: event.clientY, far: false, id: event.pointerId };
});
picture.addEventListener("pointermove", (event) => {
  if (!dragged) return;
  const [x, y] = [event.clientX - dragged.x, event.clientY - dragged.y];
  if (!dragged.far && Math.hypot(x, y) < 4) return;
  if (!dragged.far) picture.setPointerCapture(dragged.id);
  camera.x += x;
  camera.y += y;
  dragged = { ...dragged, x: event.clientX, y: event.clientY, far: true };
  move();
});
picture.addEventListener("pointerup", () => { dragged = null; });
picture.addEventListener("pointercancel", () => { dragged = null; });

picture.addEventListener("click", (event) => {
  const id = event.target.closest("[data-vertex]")?.dataset.vertex;
  if (id !== undefined) select(Number(id), "graph");
});
picture.addEventListener("dblclick", (event) => {
  const id = event.target.closest("[data-vertex]")?.dataset.vertex;
  if (id !== undefined) toggle(Number(id));
});
for (const [enter, leave] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
  picture.addEventListener(enter, (event) => {
    const id = event.target.closest?.("[data-vertex]")?.dataset.vertex;
    if (id !== undefined) light([Number(id)]);
  });
  picture.addEventListener(leave, () => light([]));
}
picture.addEventListener("keydown", (event) => {
  const focused = event.target.closest?.("[data-vertex]")?.dataset.vertex;
  if (focused === undefined) return;
  const id = Number(focused);
  if (event.key.startsWith("Arrow")) {
    const next = neighbour(id, event.key);
    if (next !== null) focusVertex(next);
  } else if (event.key === "Enter") select(id, "graph");
  else if (event.key === " " || event.key === "o") {
    toggle(id);
    focusVertex(isOpen(id) ? id : seen(id));
  } else return;
  event.preventDefault();
  event.stopPropagation();
});
