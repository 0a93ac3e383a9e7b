"""Makes the NIR files of this folder, and what an independent dense executor gives for them.

Needs numpy and h5py: `python make.py` in this folder. The executor shares nothing with the crate: every linear map is
evaluated output by output from its definition, every neuron from its equation, in float64.
"""
import itertools
import os

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
T, B = 12, 2


# ---- writing ----------------------------------------------------------------------------------

def put(group, fields):
    for key, value in fields.items():
        if isinstance(value, dict):
            put(group.create_group(key), value)
        elif isinstance(value, str):
            group.create_dataset(key, data=value, dtype=h5py.string_dtype())
        elif isinstance(value, bytes):
            group.create_dataset(key, data=np.bytes_(value))  # fixed length
        else:
            value = np.asarray(value)
            packed = {"compression": "gzip"} if value.ndim else {}
            group.create_dataset(key, data=value, **packed)


def graph(group, net):
    put(group, {"type": "NIRGraph"})
    group.create_dataset("edges", data=np.array(net["edges"], dtype=object), dtype=h5py.string_dtype())
    nodes = group.create_group("nodes")
    for name, node in net["nodes"].items():
        if "nodes" in node:
            graph(nodes.create_group(name), node)
        else:
            put(nodes.create_group(name), node)
    if "metadata" in net:
        put(group.create_group("metadata"), net["metadata"])


def write(name, net, version="1.0.8"):
    """Half of the files in the layout that h5py writes by default, half in the newest one."""
    path = os.path.join(HERE, name + ".nir")
    if os.path.exists(path):
        os.remove(path)
    layout = None if name in ("blocks", "conv1d", "old_style") else "latest"
    with h5py.File(path, "w", libver=layout) as f:
        if version:
            f.create_dataset("version", data=version, dtype=h5py.string_dtype())
        graph(f.create_group("node"), net)


# ---- executing --------------------------------------------------------------------------------

def pair(x, rank):
    x = np.atleast_1d(np.asarray(x, dtype=int))
    return [int(x[0])] * rank if len(x) == 1 else [int(v) for v in x]


def conv(x, node):
    w = np.asarray(node["weight"], dtype=np.float64)
    rank = w.ndim - 2
    groups = int(node.get("groups", 1))
    stride, dil = pair(node.get("stride", 1), rank), pair(node.get("dilation", 1), rank)
    pad = node.get("padding", 0)
    if isinstance(pad, str):
        total = [d * (k - 1) if pad == "same" else 0 for k, d in zip(w.shape[2:], dil)]
        pads = [(t // 2, t - t // 2) for t in total]
    else:
        pads = [(p, p) for p in pair(pad, rank)]
    x = np.pad(x, [(0, 0)] + pads)
    sizes = [(x.shape[1 + i] - dil[i] * (w.shape[2 + i] - 1) - 1) // stride[i] + 1 for i in range(rank)]
    y = np.zeros([w.shape[0]] + sizes)
    per_in, per_out = w.shape[1], w.shape[0] // groups
    for co in range(w.shape[0]):
        first = co // per_out * per_in
        for place in itertools.product(*map(range, sizes)):
            total = 0.0
            for ci in range(per_in):
                for tap in itertools.product(*map(range, w.shape[2:])):
                    at = tuple(p * s + t * d for p, s, t, d in zip(place, stride, tap, dil))
                    total += w[(co, ci) + tap] * x[(first + ci,) + at]
            y[(co,) + place] = total
    bias = np.asarray(node.get("bias", np.zeros(w.shape[0])), dtype=np.float64)
    return y + bias.reshape([-1] + [1] * rank)


def pool(x, node, mean):
    k = pair(node["kernel_size"], 2)
    s = pair(node.get("stride", k), 2)
    p = pair(node.get("padding", 0), 2)
    x = np.pad(x, [(0, 0), (p[0], p[0]), (p[1], p[1])])
    h, w = (x.shape[1] - k[0]) // s[0] + 1, (x.shape[2] - k[1]) // s[1] + 1
    y = np.zeros((x.shape[0], h, w))
    for i in range(h):
        for j in range(w):
            y[:, i, j] = x[:, i * s[0]:i * s[0] + k[0], j * s[1]:j * s[1] + k[1]].sum((1, 2))
    return y / (k[0] * k[1]) if mean else y


class Flat:
    """A graph without subgraphs: nodes by path, edges between them."""

    def __init__(self, net):
        self.nodes, self.edges = {}, []
        self.add(net, "")

    def add(self, net, path):
        ends = {}
        for name, node in net["nodes"].items():
            if "nodes" in node:
                inner = self.add(node, path + name + "/")
                ins = [v[0] for n, v in inner.items() if node["nodes"][n].get("type") == "Input"]
                outs = [v[1] for n, v in inner.items() if node["nodes"][n].get("type") == "Output"]
                ends[name] = (ins[0], outs[0])
            else:
                self.nodes[path + name] = dict(node, inner=bool(path))
                ends[name] = (path + name, path + name)
        self.edges += [(ends[a][1], ends[b][0]) for a, b in net["edges"]]
        return ends


NEURONS = {"I", "IF", "LI", "LIF", "CubaLI", "CubaLIF", "Threshold"}
LINEAR = {"Affine", "Linear", "Scale", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten"}


def kind(node):
    return node["type"].decode() if isinstance(node["type"], bytes) else node["type"]


def run(net, inputs, dt):
    """inputs: {name: (T, ...)}. Edges into a neuron on a cycle carry the value of the step before; before the first step,
    what linear maps give for inputs of zero."""
    flat = Flat(net)
    nodes, edges = flat.nodes, flat.edges
    reach = {n: set() for n in nodes}
    for n in nodes:
        todo = [n]
        while todo:
            for a, b in edges:
                if a == todo[-1] and b not in reach[n]:
                    reach[n].add(b)
                    todo.insert(0, b)
            todo.pop()
    late = {(a, b) for a, b in edges if kind(nodes[b]) in NEURONS and a in reach[b]
            and not (kind(nodes[b]) == "Threshold" and kind(nodes[a]) in {"I", "LI", "CubaLI"})}
    order, done = [], set()
    while len(order) < len(nodes):
        for n in sorted(nodes):
            if n not in done and all(a in done for a, b in edges if b == n and (a, b) not in late):
                order.append(n)
                done.add(n)
    value, before, v, cur, hist = {}, {}, {}, {}, {n: [] for n in nodes}
    spikes, outputs = {}, {}

    def linear(node, x):
        t = kind(node)
        if t in ("Affine", "Linear"):
            w = np.asarray(node["weight"], dtype=np.float64)
            y = np.einsum("...oi,...i->...o", w, x)
            return y + np.asarray(node["bias"], dtype=np.float64) if t == "Affine" else y
        if t == "Scale":
            return x * np.asarray(node["scale"], dtype=np.float64)
        if t in ("Conv1d", "Conv2d"):
            return conv(x, node)
        if t in ("SumPool2d", "AvgPool2d"):
            return pool(x, node, t == "AvgPool2d")
        first, last = int(node["start_dim"]), int(node["end_dim"])
        last = last + x.ndim if last < 0 else last
        return x.reshape(x.shape[:first] + (-1,) + x.shape[last + 1:])

    for t in range(-1, T):
        for n in order:
            node, k = nodes[n], kind(nodes[n])
            parts = [(before if e in late else value).get(e[0]) for e in edges if e[1] == n]
            parts = [p for p in parts if p is not None]
            x = sum(parts[1:], parts[0]) if parts else None
            p = {f: np.asarray(a, dtype=np.float64) for f, a in node.items()
                 if f in ("tau", "r", "v_leak", "v_threshold", "v_reset", "tau_syn", "tau_mem", "w_in", "threshold")}
            if k == "Input" and not node["inner"]:
                value[n] = inputs[n][t] if t >= 0 else np.zeros(inputs[n].shape[1:])
            elif k in ("Input", "Output"):
                value[n] = x
                if t >= 0 and not node["inner"]:
                    outputs.setdefault(n, []).append(x)
            elif k in LINEAR:
                value[n] = linear(node, x)
            elif k == "Delay":
                steps = np.broadcast_to(np.round(np.asarray(node["delay"], dtype=np.float64) / dt).astype(int), x.shape)
                if t >= 0:
                    hist[n].append(x)
                y = np.zeros(x.shape)
                for i in np.ndindex(*x.shape):
                    if t >= 0 and t - steps[i] >= 0:
                        y[i] = hist[n][t - steps[i]][i]
                value[n] = y
            elif t < 0:
                shape = x.shape if x is not None else np.broadcast_shapes(*[a.shape for a in p.values()])
                v[n], cur[n], value[n] = np.zeros(shape), np.zeros(shape), np.zeros(shape)
            else:
                z = v[n]
                if k in ("I", "IF"):
                    z = z + dt * p["r"] * x
                elif k in ("LI", "LIF"):
                    z = z + dt / p["tau"] * ((p["v_leak"] - z) + p["r"] * x)
                elif k != "Threshold":
                    cur[n] = cur[n] + dt / p["tau_syn"] * (-cur[n] + p.get("w_in", 1.0) * x)
                    z = z + dt / p["tau_mem"] * ((p["v_leak"] - z) + p["r"] * cur[n])
                if k in ("I", "LI", "CubaLI"):
                    v[n], value[n] = z, z
                else:
                    fired = x > p["threshold"] if k == "Threshold" else z > p["v_threshold"]
                    margin = np.min(np.abs(x - p["threshold"] if k == "Threshold" else z - p["v_threshold"]))
                    assert margin > 1e-9, (n, t, margin)
                    if k != "Threshold":
                        v[n] = np.where(fired, p.get("v_reset", 0.0), z)
                    value[n] = fired.astype(np.float64)
                    spikes[n] = spikes.get(n, 0) + int(fired.sum())
        before = dict(value)
    return spikes, {n: np.array(o) for n, o in outputs.items()}


# ---- the networks -----------------------------------------------------------------------------

rng = np.random.default_rng(7)


def w(*shape, scale=1.0):
    return (rng.normal(size=shape) * scale).astype(np.float32)


def ones(value, *shape):
    return np.full(shape, value, np.float32)


def lif(*shape, tau=4e-3, r=4.0, thr=1.0):
    return {"type": "LIF", "tau": ones(tau, *shape), "r": ones(r, *shape), "v_leak": ones(0, *shape),
            "v_threshold": ones(thr, *shape), "v_reset": ones(0, *shape)}


def inode(*shape):
    return {"type": "Input", "shape": np.array(shape)}


def onode(*shape):
    return {"type": "Output", "shape": np.array(shape)}


def chain(*nodes, **extra):
    named = {f"n{i}": n for i, n in enumerate(nodes)}
    named = {"input": nodes[0], **{k: n for k, n in list(named.items())[1:-1]}, "output": nodes[-1]}
    names = list(named)
    return {"nodes": named, "edges": list(zip(names, names[1:])), "metadata": {"dt": 1e-3}, **extra}


def nets():
    # Grouped convolution, then a depthwise one, non-square kernels, asymmetric strides and padding, dilation.
    yield "conv_grouped", chain(
        inode(4, 9, 7),
        {"type": "Conv2d", "input_shape": np.array([9, 7]), "weight": w(6, 2, 3, 2), "bias": w(6, scale=0.1),
         "stride": np.array([2, 1]), "padding": np.array([1, 0]), "dilation": np.array([1, 2]), "groups": 2},
        lif(6, 5, 5),
        {"type": "Conv2d", "weight": w(6, 1, 1, 3), "bias": w(6, scale=0.1), "stride": 1, "padding": "same",
         "dilation": 1, "groups": 6},
        lif(6, 5, 5), onode(6, 5, 5))
    # Scalars instead of pairs, even kernel with padding "same", no shape given, mean and sum pooling, scalar-shaped fields.
    scalar = {"type": "LIF", "tau": np.float32(4e-3), "r": np.float32(4.0), "v_leak": np.float32(0),
              "v_threshold": np.float32(0.7), "v_reset": np.float32(0)}
    yield "conv_scalars", chain(
        inode(1, 8, 6),
        {"type": "Conv2d", "weight": w(3, 1, 4, 4), "bias": ones(0, 3), "stride": 1, "padding": "same", "dilation": 1,
         "groups": 1},
        dict(scalar),
        {"type": "AvgPool2d", "kernel_size": 2, "stride": 2, "padding": 1},
        {"type": "Conv2d", "weight": w(4, 3, 3, 3), "bias": w(4, scale=0.2), "stride": 1, "padding": "valid", "dilation": 1,
         "groups": 1},
        {**scalar, "tau": ones(3e-3, 1)},
        {"type": "SumPool2d", "kernel_size": np.array([2, 2]), "stride": np.array([1, 1]), "padding": np.array([0, 1])},
        {"type": "Flatten", "start_dim": 0, "end_dim": -1},
        {"type": "Linear", "weight": w(5, 24)},
        dict(scalar), {"type": "Output"})
    # One dimension, dilated and strided.
    yield "conv1d", chain(
        inode(2, 11),
        {"type": "Conv1d", "input_shape": 11, "weight": w(4, 2, 3), "bias": w(4, scale=0.1), "stride": 2, "padding": 2,
         "dilation": 2, "groups": 1},
        {"type": "IF", "r": ones(700.0, 4, 6), "v_threshold": ones(1, 4, 6), "v_reset": ones(0.25, 4, 6)},
        onode(4, 6))
    # Two inputs, two populations that excite each other, a bias on the way back.
    yield "two_inputs", {
        "nodes": {"a": inode(3), "b": inode(2), "wa": {"type": "Affine", "weight": w(4, 3), "bias": w(4, scale=0.3)},
                  "wb": {"type": "Linear", "weight": w(4, 2)}, "x": lif(4), "y": lif(4, tau=3e-3),
                  "xy": {"type": "Linear", "weight": w(4, 4)}, "yx": {"type": "Affine", "weight": w(4, 4), "bias": w(4, scale=0.2)},
                  "out_x": onode(4), "out_y": onode(4)},
        "edges": [("a", "wa"), ("wa", "x"), ("b", "wb"), ("wb", "y"), ("wb", "x"), ("x", "xy"), ("xy", "y"), ("y", "yx"),
                  ("yx", "x"), ("x", "out_x"), ("y", "out_y")],
        "metadata": {"dt": 1e-3}}
    # A delay in a loop, in a graph in a graph.
    core = {"nodes": {"input": inode(3), "lif": lif(3), "d": {"type": "Delay", "delay": np.array([0, 1e-3, 3e-3], np.float32)},
                      "w": {"type": "Linear", "weight": w(3, 3)}, "output": onode(3)},
            "edges": [("input", "lif"), ("lif", "d"), ("d", "w"), ("w", "lif"), ("lif", "output")]}
    shell = {"nodes": {"input": inode(3), "core": core, "output": onode(3)},
             "edges": [("input", "core"), ("core", "output")]}
    yield "nested_delay", {
        "nodes": {"input": inode(3), "shell": shell, "fc": {"type": "Linear", "weight": w(2, 3)}, "late": {"type": "Delay", "delay": ones(2e-3, 2)},
                  "li": {"type": "CubaLI", "tau_syn": ones(3e-3, 2), "tau_mem": ones(5e-3, 2), "r": ones(2, 2), "v_leak": ones(0.1, 2)},
                  "output": onode(2)},
        "edges": [("input", "shell"), ("shell", "fc"), ("fc", "late"), ("late", "li"), ("li", "output")],
        "metadata": {"dt": 1e-3}}
    # Threshold behind a leaky integrator, with a way back; an integrator as readout; per-neuron parameters; CubaLIF.
    yield "li_threshold", {
        "nodes": {"input": inode(4), "fc": {"type": "Linear", "weight": w(4, 4)},
                  "li": {"type": "LI", "tau": np.array([2, 3, 4, 5], np.float32) * np.float32(1e-3), "r": ones(3, 4), "v_leak": ones(0, 4)},
                  "thr": {"type": "Threshold", "threshold": np.array([.4, .5, .6, .7], np.float32)},
                  "back": {"type": "Linear", "weight": w(4, 4, scale=0.5)},
                  "cuba": {"type": "CubaLIF", "tau_syn": ones(2e-3, 4), "tau_mem": ones(4e-3, 4), "r": ones(6, 4), "v_leak": ones(-0.1, 4),
                           "w_in": ones(2, 4), "v_threshold": ones(0.5, 4), "v_reset": ones(-0.2, 4)},
                  "sum": {"type": "Linear", "weight": w(2, 4)}, "i": {"type": "I", "r": ones(100.0, 2)},
                  "output": onode(2), "spikes": onode(4)},
        "edges": [("input", "fc"), ("fc", "li"), ("li", "thr"), ("thr", "back"), ("back", "li"), ("thr", "cuba"), ("cuba", "sum"),
                  ("sum", "i"), ("i", "output"), ("thr", "spikes")],
        "metadata": {"dt": 1e-3}}
    # As version 0.2 wrote it: no version, no v_reset, types of fixed length; no input and no output of its own.
    old = lif(3)
    del old["v_reset"]
    old["type"] = b"LIF"
    yield "old_style", {"nodes": {"fc": {"type": b"Linear", "weight": w(3, 5)}, "lif": old},
                        "edges": [("fc", "lif")], "metadata": {"dt": 1e-3}}
    # Block-wise affine map, scale, flattening in the middle.
    yield "blocks", chain(
        inode(2, 3),
        {"type": "Affine", "weight": w(2, 4, 3), "bias": w(2, 4, scale=0.2)},
        {"type": "Scale", "scale": w(2, 4)},
        {"type": "Flatten", "start_dim": 0, "end_dim": 1, "input_type": np.array([2, 4])},
        lif(8), onode(8))


expected = {}
for name, net in nets():
    write(name, net, version=None if name == "old_style" else "1.0.8")
    if name == "old_style":
        net["nodes"]["input_fc"], net["nodes"]["output_lif"] = inode(5), onode(3)
        net["edges"] = net["edges"] + [("input_fc", "fc"), ("lif", "output_lif")]
    shapes = {n: tuple(int(d) for d in node["shape"]) for n, node in net["nodes"].items() if node.get("type") == "Input"}
    data = {n: (rng.random((T, B) + s) < 0.4).astype(np.float64) for n, s in shapes.items()}
    total = {}
    for b in range(B):
        spikes, outputs = run(net, {n: x[:, b] for n, x in data.items()}, 1e-3)
        for n, s in spikes.items():
            total[n] = total.get(n, 0) + s
        for n, o in outputs.items():
            expected[f"{name}.output.{n}.{b}"] = o.reshape(T, -1)
    for n, s in total.items():
        expected[f"{name}.spikes.{n.replace('/', '|')}"] = np.uint32(s)
    flat = np.concatenate([data[n].reshape(T, B, -1) for n in sorted(data)], axis=2)
    expected[f"{name}.input"] = flat.astype(np.uint8)
    print(name, total)
np.savez_compressed(os.path.join(HERE, "expected.npz"), **expected)


# ---- a neuron by kernel: read and mapped, not executed here --------------------------------------

def by_kernel(**change):
    node = {**lif(3, tau=0.1), "metadata": {"kernel": "leaky", "options": {"GE": 1}, "slots": {"v": np.array([0, 0, 0])},
                                            "params": {"theta": np.array([0.7, 1.0, 1.4], dtype=np.float32)}}}
    node["metadata"].update(change)
    return chain(inode(3), {"type": "Linear", "weight": (0.75 * np.eye(3)).astype(np.float32)}, node, onode(3))


write("kernel_node", by_kernel())
write("wrong_kernel", by_kernel(options={"GE": np.array([1, 2])}, params={"theta": np.array([0.5, 1.0], dtype=np.float32)}))


# ---- wrong files ------------------------------------------------------------------------------

def wrong(name, change, version="1.0.8"):
    net = chain(inode(4), {"type": "Affine", "weight": w(3, 4), "bias": w(3)}, lif(3), onode(3))
    net = change(net) or net
    write("wrong_" + name, net, version)


def put_node(name, field, value):
    def change(net):
        if value is None:
            del net["nodes"][name][field]
        else:
            net["nodes"][name][field] = value
    return change


def several(net):
    net["nodes"]["n1"]["weight"][1, 2] = np.nan
    net["nodes"]["n2"]["tau"] = ones(0, 3)
    net["nodes"]["extra"] = {"type": "Dropout"}
    net["edges"] = net["edges"] + [("n2", "nowhere"), ("n2", "output")]
    del net["metadata"]


def without_dt(net):
    del net["metadata"]


wrong("unknown_type", put_node("n2", "type", "Izhikevich"))
wrong("nan", put_node("n1", "weight", np.where(np.eye(3, 4) > 0, np.inf, 1).astype(np.float32)))
wrong("shape", put_node("n2", "tau", ones(1e-3, 5)))
wrong("shape_edge", put_node("input", "shape", np.array([5])))
wrong("missing_field", put_node("n1", "bias", None))
wrong("no_dt", without_dt)
wrong("dangling", lambda net: net["edges"].append(("n2", "nowhere")))
wrong("duplicate", lambda net: net["edges"].append(("n1", "n2")))
wrong("metadata", lambda net: net.update(metadata={"dt": 1e-3, "reset": "soft"}))
wrong("several", several)
wrong("analog", lambda net: chain(inode(4), {"type": "LI", "tau": ones(2e-3, 4), "r": ones(1, 4), "v_leak": ones(0, 4)},
                                  {"type": "Linear", "weight": w(3, 4)}, lif(3), onode(3)))
wrong("linear_end", lambda net: chain(inode(4), lif(4), {"type": "Linear", "weight": w(3, 4)}, onode(3)))
wrong("loop", lambda net: {"nodes": {"input": inode(4), "a": {"type": "Linear", "weight": w(4, 4)}, "s": {"type": "Scale", "scale": w(4)},
                                     "lif": lif(4), "output": onode(4)},
                           "edges": [("input", "a"), ("a", "s"), ("s", "a"), ("s", "lif"), ("lif", "output")], "metadata": {"dt": 1e-3}})
