"""A placer of one's own: the busiest cores first, along a snake through the rows of the mesh.

    spikemesh map examples/digits/digits.nir --chip loihi --placer "exec:python3 examples/own_partitioner/placer.py"
"""
import array, struct, sys, zipfile

def read(name):  # an array of the problem (specs/mapping.md); numpy.load reads it too
    data = problem.read(name + ".npy")
    return array.array({b"<u4": "I", b"<u8": "Q"}[data.split(b"'")[3]], data[10 + struct.unpack("<H", data[8:10])[0]:])

problem = zipfile.ZipFile(sys.argv[1])
traffic = list(read("host"))
for source, target, weight in zip(read("from"), read("to"), read("weight")):
    traffic[source] += weight
    traffic[target] += weight
width, height, per_tile = read("mesh")
tiles = (y * width + (x if y % 2 == 0 else width - 1 - x) for y in range(height) for x in range(width))
places = (tile * per_tile + i for tile in tiles for i in range(per_tile))
answer = array.array("I", [0] * len(traffic))
for core, place in zip(sorted(range(len(traffic)), key=lambda core: -traffic[core]), places):
    answer[core] = place
header = "{'descr': '<u4', 'fortran_order': False, 'shape': (%d,), }\n" % len(answer)
magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
open(sys.argv[2], "wb").write(magic + header.encode() + answer.tobytes())
