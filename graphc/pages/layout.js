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
  if (vertex.role !== "constant") lines.push(...valueLines(vertex.id));
  if (state.view === "overlay" || state.view === "sides") {
    for (const gradient of data.values?.gradients[vertex.id] ?? []) {
      const words = wordsOf(gradient);
      const text = words.find(isNotFinite) ?? words[0];
      lines.push({ text: `${short(gradient.name, 30)} ${short(text, 20)}`, kind: "gradient" });
    }
  }
  return lines;
}

// True of words that tell of NaN or infinity, which no vertex is to leave out.
const isNotFinite = (text) => /\b(nan|inf)\b/i.test(text);

// The value in a vertex. One in a loop has room for what it is at any turn.
function valueLines(id) {
  const told = (value) => {
    const words = wordsOf(value);
    const more = words.slice(2).find(isNotFinite);
    const lines = more === undefined ? words.slice(0, 2) : [...words.slice(0, 2), more];
    return lines.map((text) => ({ text: short(text, 30), kind: "value" }));
  };
  const value = valueNow(id);
  const inside = data.values?.inside[id];
  const found = value ? told(value) : inside ? [{ text: "not run", kind: "value" }] : [];
  if (!inside) return found;
  const all = inside.filter(Boolean).map(told);
  const room = Math.max(...all.flat().map((line) => widthOf(line.text)));
  while (found.length < Math.max(...all.map((lines) => lines.length))) found.push({ text: "", kind: "value" });
  return found.map((line) => ({ ...line, room }));
}

// The vertices and edges of one pass, as they are open now. What an open block takes as a
// whole, such as the condition of a branch, leads to its frame.
function visibleGraph(backward) {
  const shown = vertices.filter((v) => Boolean(v.backward) === backward && seen(v.id) === v.id);
  const found = new Map();
  const toFrames = [];
  for (const edge of edges) {
    if (Boolean(vertices[edge.head].backward) !== backward) continue;
    const head = seen(edge.head);
    const tail = leaving(edge.tail, edge.head);
    if (tail === head || isInside(head, tail)) continue;
    const key = `${tail} ${head}`;
    if (isOpen(head)) toFrames.push({ tail, head, text: edge.text, flows: [] });
    else if (!found.has(key)) found.set(key, { tail, head, text: edge.text, flows: [] });
  }
  const heads = Map.groupBy(found.values(), (edge) => edge.tail);
  for (const edge of toFrames) {
    const isLed = heads.get(edge.tail)?.some((other) => isInside(other.head, edge.head));
    if (!isLed && !isInside(edge.tail, edge.head)) found.set(`${edge.tail} ${edge.head}`, edge);
  }
  return { shown, edges: [...found.values()] };
}

// Flows go beside the edges that they go back along.
function withFlows(graph) {
  const leavingEdges = Map.groupBy(graph.edges, (edge) => edge.tail);
  for (const flow of flows) {
    const from = leaving(flow.tail);
    const to = leaving(flow.head, flow.tail);
    const edge = leavingEdges.get(to)?.find((each) => each.head === from || isInside(each.head, flow.tail)) ??
      leavingEdges.get(from)?.find((each) => each.head === to);
    if (edge) edge.flows.push(flow);
  }
  return graph;
}

// Each open frame is laid out by itself, once for all that look alike, and is one box in
// what is around it. An edge that crosses the border of a frame does so at a port, of which
// a frame has one for each value that enters or leaves it.

const TITLE = 26;
const layouts = new Map();

// Sizes in a few steps, so that equal layers with other numbers look alike.
const rounded = (length) => 16 * Math.ceil(length / 16);

// The width of a line; those of numbers have room for others.
function roomFor({ text, kind, room = 0 }) {
  const width = Math.max(room, widthOf(text, kind === "head"));
  if (kind === "value") return Math.max(width, 126);
  if (kind === "gradient") return Math.max(width, widthOf(text.slice(0, text.lastIndexOf(" "))) + 66);
  return width;
}

function boxOf(vertex) {
  const lines = labelOf(vertex);
  const text = Math.max(...lines.map(roomFor));
  const extra = isOpenable(vertex.id) ? 18 : 0;
  const slant = vertex.role === "input" ? 20 : vertex.role.startsWith("gradient") ? 10 : 0;
  return {
    lines,
    width: rounded(text + 22 + extra + slant),
    height: lines.length * LINE + 12 + (vertex.role === "parameter" ? 6 : 0),
  };
}

// The parts of an edge: one in each frame that it leaves, around both ends, and one in each
// that it enters. Edges of one value share their parts.
function route(edge, levels) {
  const { tail, head } = edge;
  const [left, entered] = [ancestorsOf(tail), ancestorsOf(head)];
  const common = left.find((each) => entered.includes(each));
  const parts = [];
  const add = (id, part) => {
    const { links } = levels.get(id);
    const key = Object.values(part).join(" ");
    if (!links.has(key)) links.set(key, { ...part, lines: [], weight: 1 });
    const link = links.get(key);
    link.weight = Math.max(link.weight, ["parameter", "constant"].includes(vertices[tail].role) ? 1 : 6);
    parts.push({ id, link });
    return link;
  };
  let [from, out, id] = [String(tail), "", common];
  for (const frame of left.slice(0, common === undefined ? left.length : left.indexOf(common))) {
    add(frame, { from, out, to: `out ${tail}`, into: "" });
    [from, out] = [String(frame), `out ${tail}`];
  }
  const inwards = entered.slice(0, common === undefined ? entered.length : entered.indexOf(common)).reverse();
  for (const frame of inwards) {
    add(id, { from, out, to: String(frame), into: `in ${tail}` });
    [from, out, id] = [`in ${tail}`, "", frame];
  }
  const last = add(id, { from, out, to: String(head), into: "" });
  last.lines = edge.flows.flatMap((flow) => flow.lines.map((line) => short(line, 40)));
  return { edge, parts };
}

// The places of boxes and links, and of ports on the upper and the lower border.
function arranged(boxes, links) {
  const sizes = [...boxes.values()].map(({ width, height }) => [width, height]);
  const places = new Map([...boxes.keys()].map((key, place) => [key, place]));
  for (const { from, to } of links.values()) {
    for (const end of [from, to]) if (!places.has(end)) places.set(end, `${end.split(" ")[0]} ${places.size}`);
  }
  const found = [...links.values()].map(({ from, to, lines, weight }) => {
    const width = lines.length ? rounded(Math.max(...lines.map((line) => widthOf(line))) * 0.93) : 0;
    return [places.get(from), places.get(to), width, lines.length * 13, weight];
  });
  const key = JSON.stringify([sizes, found]);
  if (!layouts.has(key)) layouts.set(key, solved(sizes, found));
  const whole = layouts.get(key);
  return { ...whole, placeOf: (key) => whole.ends.get(places.get(key)) };
}

function solved(sizes, links) {
  const layout = new dagre.graphlib.Graph({ multigraph: true });
  layout.setGraph({ rankdir: "TB", nodesep: 22, ranksep: 30, edgesep: 14, marginx: 10, marginy: 10 });
  sizes.forEach(([width, height], place) => layout.setNode(String(place), { width, height }));
  const ports = { in: new Set(), out: new Set() };
  links.forEach(([from, to, width, height, weight], place) => {
    for (const end of [from, to]) {
      if (typeof end === "number") continue;
      ports[end.split(" ")[0]].add(end);
      layout.setNode(end, { width: 1, height: 1 });
    }
    layout.setEdge(String(from), String(to), { width, height, weight, labelpos: "r", labeloffset: 9 }, String(place));
  });
  // Ports are drawn to the borders, more strongly than to what they lead to.
  for (const [name, some] of Object.entries(ports)) {
    if (some.size) layout.setNode(name, { width: 1, height: 1 });
    for (const port of some) {
      const ends = name === "in" ? [name, port] : [port, name];
      layout.setEdge(...ends, { width: 0, height: 0, weight: 1000 }, "border");
    }
  }
  dagre.layout(layout);
  const { width = 1, height = 1 } = layout.graph();
  const all = [...sizes.keys()].map((end) => layout.node(String(end)));
  const top = ports.in.size ? Math.min(layout.node([...ports.in][0]).y, ...all.map((each) => each.y - each.height / 2 - 12)) : 0;
  const bottom = ports.out.size ? Math.max(layout.node([...ports.out][0]).y, ...all.map((each) => each.y + each.height / 2 + 12)) : height;
  return {
    width,
    top,
    bottom,
    hasEntries: ports.in.size > 0,
    ends: new Map([...sizes.keys(), ...ports.in, ...ports.out].map((end) => [end, layout.node(String(end))])),
    // Lines at ports go on to the border.
    links: links.map(([from, to], place) => {
      const link = layout.edge(String(from), String(to), String(place));
      const { points } = link;
      const before = typeof from === "string" ? [{ x: points[0].x, y: top }] : [];
      const after = typeof to === "string" ? [{ x: points[points.length - 1].x, y: bottom }] : [];
      return { ...link, points: [...before, ...points, ...after] };
    }),
  };
}

// An edge that goes straight down beside its label, and bends above and below.
function withRoom(points, y, height) {
  const place = height ? points.findIndex((point) => Math.abs(point.y - y) < 1) : -1;
  if (place < 1 || place === points.length - 1) return points;
  const ends = [-1, 1].map((sign) => ({ x: points[place].x, y: y + sign * (height / 2 + 5) }));
  return [...points.slice(0, place), ...ends, ...points.slice(place + 1)];
}

// A frame with all that is in it, from its upper left corner on.
function inside(id, levels) {
  const { shown, links } = levels.get(id);
  const boxes = new Map();
  const frames = new Map();
  for (const vertex of shown) {
    if (isOpen(vertex.id)) frames.set(String(vertex.id), inside(vertex.id, levels));
    boxes.set(String(vertex.id), frames.get(String(vertex.id)) ?? boxOf(vertex));
  }
  const found = arranged(boxes, links);
  const title = id === undefined ? 0 : rounded(widthOf(short(titleOfFrame(id), 40), true)) + 36;
  const width = Math.max(found.width, title);
  const [x, y] = [(width - found.width) / 2, (id === undefined || found.hasEntries ? 0 : TITLE - 10) - found.top];
  const moved = (point) => ({ ...point, x: point.x + x, y: point.y + y });
  const nodes = new Map([...boxes].map(([key, box]) => {
    const { x: across, y: down } = moved(found.placeOf(key));
    return [key, { x: across, y: down, width: box.width, height: box.height, lines: box.lines ?? [] }];
  }));
  const portOf = (key) => found.placeOf(key).x + x;
  const cornerOf = (key) => nodes.get(key).x - nodes.get(key).width / 2;
  const paths = new Map([...links.values()].map((link, place) => {
    const { points, x: across, y: down, width: wide } = found.links[place];
    const beside = withRoom(points, down, link.lines.length * 13);
    const path = { ...moved({ x: across, y: down }), width: wide, points: beside.map(moved), lines: link.lines };
    const { points: all } = path;
    if (link.out) all[0].x = cornerOf(link.from) + frames.get(link.from).portOf(link.out);
    if (link.into) all[all.length - 1].x = cornerOf(link.to) + frames.get(link.to).portOf(link.into);
    if (link.out) all[0].y = nodes.get(link.from).y + nodes.get(link.from).height / 2;
    if (link.into) all[all.length - 1].y = nodes.get(link.to).y - nodes.get(link.to).height / 2;
    if ((link.out || link.into) && all.length === 3 && !link.lines.length) all[1].x = (all[0].x + all[2].x) / 2;
    return [link, path];
  }));
  return { width, height: found.bottom + y, nodes, frames, portOf, paths };
}

function layOut(graph) {
  const levels = new Map([[undefined, { shown: [], links: new Map() }]]);
  for (const vertex of graph.shown) if (isOpen(vertex.id)) levels.set(vertex.id, { shown: [], links: new Map() });
  for (const vertex of graph.shown) levels.get(vertex.parent).shown.push(vertex);
  const routes = graph.edges.map((edge) => route(edge, levels));
  const whole = inside(undefined, levels);
  const nodes = new Map();
  const within = new Map(); // Each frame, and where its upper left corner is.
  const place = (id, frame, x, y) => {
    within.set(id, { frame, x, y });
    for (const [key, node] of frame.nodes) {
      nodes.set(Number(key), { ...node, x: x + node.x, y: y + node.y });
      const inner = frame.frames.get(key);
      if (inner) place(Number(key), inner, x + node.x - node.width / 2, y + node.y - node.height / 2);
    }
  };
  place(undefined, whole, 0, 0);
  const placedEdges = routes.map(({ edge, parts }) => {
    const found = parts.map(({ id, link }) => {
      const { frame, x, y } = within.get(id);
      const path = frame.paths.get(link);
      const moved = (point) => ({ x: point.x + x, y: point.y + y });
      return { ...path, ...moved(path), points: path.points.map(moved) };
    });
    const points = found.flatMap((part, place) => (place ? part.points.slice(1) : part.points));
    return { ...found[found.length - 1], edge, points };
  });
  return { nodes, edges: placedEdges, width: whole.width, height: whole.height };
}
