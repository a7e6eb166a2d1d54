"""Ten thousand articles of 3,000 characters into an empty library: how fast, and how much memory.

python -m benchmarks.many --data DATA/eval --work runs/development
"""

import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.shared import ROOT, arguments, memory_bytes, show
from training.development_data import CORPUS
from training.jsonl import read_lines

SEED = 20261128
CHARACTERS = 3_000


def articles(data: Path, count: int) -> str:
    """Return NDJSON of articles, each of paragraphs by chance, cut to CHARACTERS."""
    texts = [row["text"] for row in read_lines(data / CORPUS)]
    chance = random.Random(SEED)
    lines = []
    for number in range(count):
        text = ""
        while len(text) < CHARACTERS:
            text += chance.choice(texts) + "\n\n"
        lines.append(json.dumps({"id": f"m{number}", "title": f"Article {number}", "text": text[:CHARACTERS]}))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Add, watch, print."""
    parser = arguments(__doc__)
    parser.add_argument("--articles", type=int, default=10_000)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    file, library = options.work / "many.ndjson", options.work / "many"
    file.write_text(articles(options.data, options.articles), encoding="utf-8")
    shutil.rmtree(library, ignore_errors=True)
    command = [sys.executable, "-m", "api.cli", "add", str(file), "--library", str(library)]
    begun = time.monotonic()
    passages = done = peak = 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as adding:
        rows = []
        for line in adding.stdout or ():
            passages += int(line.split("\t")[2])
            done += 1
            if done % (options.articles // 4) == 0:
                peak = memory_bytes("VmHWM", adding.pid) // 2**20
                rows.append(
                    {
                        "articles": done,
                        "passages": passages,
                        "seconds": round(time.monotonic() - begun),
                        "peak_mib": peak,
                    }
                )
    took = time.monotonic() - begun
    if adding.returncode != 0 or not rows:
        raise SystemExit(f"citespan add ended with {adding.returncode}")
    size = sum(path.stat().st_size for path in library.rglob("*") if path.is_file())
    more = {
        "articles_per_second": round(done / took, 1),
        "passages_per_second": round(passages / took, 1),
        "library_mib": size // 2**20,
    }
    shutil.rmtree(library)
    file.unlink()
    show(rows, more, options.json)


if __name__ == "__main__":
    main()
