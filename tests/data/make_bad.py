#!/usr/bin/env python3
"""Writes the faulty NIR files of tests/it/bad_input.rs (needs h5py and numpy): one fault each."""
import os
import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def write(name, nodes, edges, dt=1e-3, version="1.0.8", graph_type="NIRGraph"):
    with h5py.File(os.path.join(HERE, name + ".nir"), "w", libver="earliest") as f:
        if version:
            f["version"] = version
        g = f.create_group("node")
        g["type"] = graph_type
        g.create_dataset("edges", data=np.array(edges, dtype=object).reshape(-1, 2), dtype=h5py.string_dtype())
        if dt is not None:
            g["metadata/dt"] = dt
        for node, fields in nodes.items():
            n = g.create_group("nodes/" + node)
            for key, value in fields.items():
                n[key] = value


def net(**changes):
    nodes = {
        "input": {"type": "Input", "shape": np.array([4])},
        "fc": {"type": "Linear", "weight": np.full((3, 4), 0.5, np.float32)},
        "lif": {
            "type": "LIF",
            **{k: np.full(3, v, np.float32) for k, v in
               dict(tau=0.01, r=1.0, v_leak=0.0, v_threshold=1.0, v_reset=0.0).items()},
        },
        "output": {"type": "Output", "shape": np.array([3])},
    }
    for key, fields in changes.items():
        nodes[key] = {**nodes.get(key, {}), **fields}
    return nodes


EDGES = [("input", "fc"), ("fc", "lif"), ("lif", "output")]
weights = np.full((3, 4), 0.5, np.float32)
nan = weights.copy(); nan[1, 2] = np.nan
inf = weights.copy(); inf[0, 0] = np.inf

write("good", net(), EDGES)
write("nan_weight", net(fc={"weight": nan}), EDGES)
write("inf_weight", net(fc={"weight": inf}), EDGES)
write("unknown_node", net(fc={"type": "Quantum"}), EDGES)
write("shape_mismatch", net(fc={"weight": np.zeros((3, 5), np.float32)}), EDGES)
write("dangling_edge", net(), EDGES + [("lif", "nowhere")])
write("duplicate_edge", net(), EDGES + [("input", "fc")])
write("no_dt", net(), EDGES, dt=None)
write("negative_dt", net(), EDGES, dt=-1e-3)
write("missing_field", {**net(), "lif": {"type": "LIF", "tau": np.full(3, 0.01, np.float32)}}, EDGES)
write("zero_tau", net(lif={"tau": np.zeros(3, np.float32)}), EDGES)
write("no_nodes", {}, [])
write("not_a_graph", net(), EDGES, graph_type="LIF")
write("no_input", {k: v for k, v in net().items() if k != "input"}, EDGES[1:])

write("too_large", {
    "input": {"type": "Input", "shape": np.array([1, 64, 64])},
    "conv": {"type": "Conv2d", "weight": np.full((2, 1, 1, 1), 0.5, np.float32), "bias": np.zeros(2, np.float32),
             "stride": np.array([1, 1]), "padding": np.array([0, 0]), "dilation": np.array([1, 1]), "groups": 1,
             "input_shape": np.array([64, 64])},
    "lif": {"type": "LIF", **{k: np.full((1,), v, np.float32) for k, v in
            dict(tau=0.01, r=1.0, v_leak=0.0, v_threshold=1.0, v_reset=0.0).items()}},
    "output": {"type": "Output", "shape": np.array([2, 64, 64])},
}, [("input", "conv"), ("conv", "lif"), ("lif", "output")])
