"""Packs the cases: python3 make.py FOLDER [cases.zip]. Spacing and times of the files do not matter."""
import json
import pathlib
import sys
import zipfile

folder = pathlib.Path(sys.argv[1])
target = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).with_name("cases.zip"))
packed = 0
with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
    for path in sorted(folder.glob("*.json")):
        case = json.loads(path.read_text())
        if case.get("format") != "loihi-golden-1":
            continue
        entry = zipfile.ZipInfo(path.name, (1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        out.writestr(entry, json.dumps(case, separators=(",", ":")), compresslevel=9)
        packed += 1
print(f"{packed} cases, {target.stat().st_size} bytes")
