"""Reads an OUT folder with Hugging Face `datasets`, as a trainer would, and checks what comes back.

    python tests/python/read_with_datasets.py OUT [PARQUET_FOLDER] [WEBDATASET_FOLDER]

OUT holds records.jsonl and journal.sqlite; the other two are what OUT was converted to. Needs `pip install datasets pillow`
(and `webdataset` for the third).
Every count, verdict and picture is compared with the journal and with artifacts/, not with what `datasets` itself says.
"""

import collections
import io
import json
import pathlib
import sqlite3
import sys
import tempfile

import datasets
import PIL.Image

EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/bmp": "bmp",
    "image/tiff": "tiff",
}


def journal_verdicts(out):
    """Verdict (None: a fault) -> rows, as the journal counts them."""
    with sqlite3.connect(f"file:{out / 'journal.sqlite'}?mode=ro", uri=True) as journal:
        return dict(journal.execute("SELECT verdict, count(*) FROM rows WHERE state <> 'bad' GROUP BY verdict"))


def pictures_of(record):
    """The artifacts of a record that must come back as pictures."""
    return [
        artifact
        for artifact in record["artifacts"]
        if artifact["kind"] in ("figure", "image")
        and artifact["media_type"] in EXTENSIONS
        and artifact.get("hash")
        and not artifact.get("problem")
    ]


def same_pixels(shown, out, artifact):
    """Whether a decoded picture is the one that artifacts/ holds."""
    digest = artifact["hash"]
    kept = PIL.Image.open(io.BytesIO((out / "artifacts" / digest[:2] / digest[2:]).read_bytes()))
    return shown.size == kept.size and shown.convert("RGBA").tobytes() == kept.convert("RGBA").tobytes()


def load(kind, files, cache, **options):
    files = [str(file) for file in files]
    return datasets.load_dataset(kind, data_files=files, split="train", cache_dir=cache, **options)


def check_jsonl(out, expected, cache):
    # `datasets` takes the columns' types from the first 10 MB and fails when a field that was null there has a value later
    # (a run that begins with megabytes of `ok` rows has no `cause`). One chunk shows it all; big runs are read as Parquet.
    path = out / "records.jsonl"
    rows = load("json", [path], cache, chunksize=max(10 << 20, path.stat().st_size))
    verdicts = collections.Counter(rows["verdict"])
    assert verdicts == expected, f"JSONL: verdicts {dict(verdicts)}, the journal says {expected}"
    print(f"JSONL: {len(rows)} records, {len(rows.features)} columns, verdicts as in the journal")


def check_parquet(out, folder, records, expected, cache):
    rows = load("parquet", sorted(folder.glob("records-*.parquet")), cache)
    assert isinstance(rows.features["image"], datasets.Image), rows.features["image"]
    verdicts = collections.Counter(rows["verdict"])
    assert verdicts == expected, f"Parquet: verdicts {dict(verdicts)}, the journal says {expected}"
    seen = 0
    for row, record in zip(rows, records, strict=True):
        wanted = pictures_of(record)
        assert (row["id"], row["stdout"]) == (record["id"], record["stdout"]["text"]), row["id"]
        assert len(row["images"]) == len(wanted), f"{row['id']}: {len(row['images'])} pictures of {len(wanted)}"
        assert (row["image"] is None) == (not wanted), row["id"]
        for picture, artifact in zip(row["images"], wanted, strict=True):
            assert same_pixels(picture, out, artifact), f"{row['id']}: {artifact['name']} has other pixels"
            seen += 1
    print(f"Parquet: {len(rows)} records, {seen} pictures decoded, each with the pixels of its artifact")


def check_webdataset(out, folder, records):
    # The `webdataset` package: that of `datasets` refuses shards whose first five samples differ in their number of pictures.
    import webdataset

    shards = [str(shard) for shard in sorted(folder.glob("records-*.tar"))]
    seen = 0
    # Drawings are transparent where nothing was drawn: "pil" would drop that.
    samples = webdataset.WebDataset(shards, shardshuffle=False).decode("pilrgba")
    for sample, record in zip(samples, records, strict=True):
        assert sample["json"]["id"] == record["id"], sample["__key__"]
        for index, artifact in enumerate(pictures_of(record)):
            field = ("" if index == 0 else f"{index}.") + EXTENSIONS[artifact["media_type"]]
            if artifact["media_type"] in ("image/png", "image/jpeg"):
                assert same_pixels(sample[field], out, artifact), f"{sample['__key__']}.{field}"
                seen += 1
    print(f"WebDataset: {len(records)} records, {seen} pictures decoded, each with the pixels of its artifact")


def main(out, parquet=None, webdataset=None):
    out = pathlib.Path(out)
    expected = journal_verdicts(out)
    with open(out / "records.jsonl", encoding="utf-8") as lines:
        records = sorted(map(json.loads, lines), key=lambda record: record["row"])
    assert len(records) == sum(expected.values()) > 0, f"{len(records)} lines, the journal says {expected}"
    with tempfile.TemporaryDirectory() as cache:
        check_jsonl(out, expected, cache)
        if parquet:
            check_parquet(out, pathlib.Path(parquet), records, expected, cache)
        if webdataset:
            check_webdataset(out, pathlib.Path(webdataset), records)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
