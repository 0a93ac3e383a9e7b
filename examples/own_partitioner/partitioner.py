"""A partitioner of one's own: neurons in network order, a new core when its neurons or input axons are used up.

    spikemesh map examples/digits/digits.nir --chip loihi --partitioner "exec:python3 examples/own_partitioner/partitioner.py"
"""
import array, struct, sys, zipfile

def read(name):  # an array of the problem (specs/mapping.md); numpy.load reads it too
    data = problem.read(name + ".npy")
    return array.array({b"<u4": "I", b"<u8": "Q"}[data.split(b"'")[3]], data[10 + struct.unpack("<H", data[8:10])[0]:])

problem = zipfile.ZipFile(sys.argv[1])
start, targets = read("indptr"), read("indices")
neurons, room, axons = (read(name)[0] for name in ("neurons", "core_neurons", "core_input_axons"))
sources = [set() for _ in range(neurons)]
for source in range(len(start) - 1):
    for target in targets[start[source]:start[source + 1]]:
        sources[target].add(source)
answer, core, count, here = array.array("I"), 0, 0, set()
for neuron in range(neurons):
    if count == room or len(here | sources[neuron]) > axons:
        core, count, here = core + 1, 0, set()
    count, here = count + 1, here | sources[neuron]
    answer.append(core)
header = "{'descr': '<u4', 'fortran_order': False, 'shape': (%d,), }\n" % neurons
magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
open(sys.argv[2], "wb").write(magic + header.encode() + answer.tobytes())
