// Places of vertices and edges: dagre lays out what is open and visible.

const FONT = "12px system-ui, sans-serif";
const LINE = 15;
const ruler = document.createElement("canvas").getContext("2d");

function widthOf(text, bold = false) {
  ruler.font = bold ? `600 ${FONT}` : FONT;
  return ruler.measureText(text).width;
}

const short = (text, most = 34) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// The lines of a vertex: its own, its value, and its gradient.
function labelOf(vertex) {
  const told = data.values && vertex.role === "parameter" ? vertex.lines.slice(0, 2) : vertex.lines;
  const lines = told.map((text, place) => ({ text: short(text), kind: place ? "" : "head" }));
  const isValue = vertex.refers === undefined && vertex.inputs !== 0;
  if (isValue && vertex.shape && ["op", "block", "gradient", "gradient-block"].includes(vertex.role)) {
    const last = lines[lines.length - 1];
    if (lines.length > 1) last.text = `${last.text} · ${vertex.shape}`;
    else lines.push({ text: vertex.shape, kind: "" });
  }
  const value = data.values?.vertices[vertex.id];
  if (value && vertex.role !== "constant") {
    wordsOf(value).slice(0, 2).forEach((text) => lines.push({ text: short(text, 26), kind: "value" }));
  }
  if (state.view === "overlay" || state.view === "sides") {
    for (const gradient of data.values?.gradients[vertex.id] ?? []) {
      const [text] = wordsOf(gradient);
      lines.push({ text: `${short(gradient.name, 18)} ${short(text, 20)}`, kind: "gradient" });
    }
  }
  return lines;
}

// The vertices and edges of one pass, as they are open now.
function visibleGraph(backward) {
  const shown = vertices.filter((v) => Boolean(v.backward) === backward && seen(v.id) === v.id);
  const found = new Map();
  for (const edge of edges) {
    if (Boolean(vertices[edge.head].backward) !== backward) continue;
    const head = seen(edge.head);
    if (isOpen(head)) continue;
    const tail = leaving(edge.tail);
    if (tail !== head && !isInside(head, tail)) {
      const key = `${tail} ${head}`;
      if (!found.has(key)) found.set(key, { tail, head, text: edge.text, flows: [] });
    }
  }
  return { shown, edges: [...found.values()] };
}

// Flows go beside the edges that they go back along.
function withFlows(graph) {
  for (const flow of flows) {
    const from = leaving(flow.tail);
    const to = leaving(flow.head);
    const edge = graph.edges.find((each) =>
      (each.tail === to && (each.head === from || isInside(each.head, flow.tail))) ||
      (each.tail === from && each.head === to));
    if (edge) edge.flows.push(flow);
  }
  return graph;
}

function layOut(graph) {
  const layout = new dagre.graphlib.Graph({ compound: true, multigraph: false });
  layout.setGraph({ rankdir: "TB", nodesep: 22, ranksep: 30, edgesep: 14, marginx: 8, marginy: 8 });
  for (const vertex of graph.shown) {
    if (isOpen(vertex.id)) {
      layout.setNode(String(vertex.id), { frame: true });
      continue;
    }
    const lines = labelOf(vertex);
    const text = Math.max(...lines.map((line) => widthOf(line.text, line.kind === "head")));
    const extra = isOpenable(vertex.id) ? 18 : 0;
    const slant = vertex.role === "input" ? 20 : vertex.role.startsWith("gradient") ? 10 : 0;
    layout.setNode(String(vertex.id), {
      lines,
      width: Math.ceil(text) + 22 + extra + slant,
      height: lines.length * LINE + 12 + (vertex.role === "parameter" ? 6 : 0),
    });
  }
  for (const vertex of graph.shown) {
    if (vertex.parent !== undefined) layout.setParent(String(vertex.id), String(vertex.parent));
  }
  for (const edge of graph.edges) {
    const lines = edge.flows.flatMap((flow) => flow.lines.map((line) => short(line, 30)));
    const width = lines.length ? Math.max(...lines.map((line) => widthOf(line))) * 0.93 : 0;
    layout.setEdge(String(edge.tail), String(edge.head), {
      edge,
      lines,
      labelpos: "r",
      labeloffset: 9,
      width: Math.ceil(width),
      height: lines.length * 13,
      weight: ["parameter", "constant"].includes(vertices[edge.tail].role) ? 1 : 6,
    });
  }
  dagre.layout(layout);
  return layout;
}
