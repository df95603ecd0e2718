"""The whole of WebCode2M's evaluation, with Playwright: oracle.py SOCKET BROWSER FOLDER FAST [CLIP]

Reads pairs as lines {"id", "reference", "candidate"}, writes for each a line {"id", "scores" or "error", "seconds",
"pictures"}. Pages are rendered as html2screenshot.py does it (sections 3.1 and 6.2 of the project's reference). Every
request is answered by what listens at SOCKET, which gives the answers that our own renderer gives.

FAST is "1" to agree with: one browser for all, a page's pictures and blocks taken once for all pairs. With "0", to be
measured, each picture has a browser of its own, as published; the published evaluation starts Python anew for most of
them as well, which is not done here. CLIP is the folder of a model; without it the parts that need one are left out.
"""

import base64
import contextlib
import hashlib
import json
import os
import socket
import sys
import time
import warnings

import clip_model
import html_tree
import pictures
import visual
from PIL import Image
from playwright.sync_api import sync_playwright

Image.MAX_IMAGE_PIXELS = None


class Answers:
    """What our mirror answers."""

    def __init__(self, path):
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.connect(path)
        self.file = self.stream.makefile("rw")

    def serve(self, page):
        page.route("**/*", self.answer)

    def answer(self, route):
        request = route.request
        asked = {"url": request.url, "method": request.method, "kind": request.resource_type}
        self.file.write(json.dumps(asked) + "\n")
        self.file.flush()
        said = json.loads(self.file.readline())
        if "failure" in said:
            route.abort(said["failure"].lower())
        else:
            body = base64.b64decode(said["body"])
            route.fulfill(status=said["status"], headers=dict(said["headers"]), body=body)


class Studio:
    """Takes pictures of pages."""

    def __init__(self, answers, program, folder, fast):
        self.answers, self.program, self.folder, self.fast = answers, program, folder, fast
        self.pictures = 0
        self.kept = {}
        self.open = contextlib.ExitStack()
        self.browser = None

    @contextlib.contextmanager
    def _browser(self):
        if not self.fast:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=self.program)
                yield browser
                browser.close()
            return
        if self.browser is None or not self.browser.is_connected():
            self.open.close()
            playwright = self.open.enter_context(sync_playwright())
            self.browser = playwright.chromium.launch(executable_path=self.program)
        yield self.browser

    def picture(self, html):
        """The file of a page's picture."""
        key = hashlib.sha256(html.encode()).hexdigest()
        if self.fast and key in self.kept:
            return self.kept[key]
        file = os.path.join(self.folder, f"{self.pictures}.png")
        self.pictures += 1
        with self._browser() as browser:
            self._take(browser, html, file)
        self.kept[key] = file
        return file

    def _take(self, browser, html, file):
        try:
            context = browser.new_context()
            page = context.new_page()
            self.answers.serve(page)
            page.set_content(html, timeout=30000, wait_until="domcontentloaded")
            wait_for_images(page)
            page.screenshot(path=file, full_page=True, animations="disabled", timeout=30000)
            context.close()
        except Exception as error:  # as published, whatever it is
            print(f"no picture: {str(error).splitlines()[0]}", file=sys.stderr)
            Image.new("RGB", (1280, 960), color="white").save(file)


def wait_for_images(page):
    """Three seconds for all images together."""
    end = time.time() + 3
    for image in page.query_selector_all("img"):
        while time.time() < end and not page.evaluate("(image) => image.complete", image):
            time.sleep(0.01)


class Evaluation:
    """The scores of pairs."""

    def __init__(self, studio, clip):
        self.studio, self.clip = studio, clip
        self.kept = {}

    def blocks(self, page, original):
        key = (page, original)
        if not self.studio.fast or key not in self.kept:
            first, second = (self.studio.picture(newlines(visual.colouring(page, offset))) for offset in (0, 50))
            self.kept = self.kept if self.studio.fast else {}
            self.kept[key] = visual.blocks(page, original, first, second)
        return self.kept[key]

    def scores(self, reference, candidate):
        reference, candidate = newlines(reference), html_tree.preprocess(candidate)
        wanted, found = self.studio.picture(reference), self.studio.picture(candidate)
        bleu, rouge = html_tree.text_scores(reference, candidate)
        precision, recall = html_tree.tree_scores(reference, candidate)
        mse, ssim = pictures.scores(found, wanted)
        sides = [{"blocks": self.blocks(page, shot)} for page, shot in ((candidate, found), (reference, wanted))]
        compared = visual.scores(*sides)
        parts = [compared.get(part, 0.0) for part in ("size", "text", "position", "colour")]
        names = ("visual_block", "visual_text", "visual_position", "visual_colour")
        of_clip = self.clip_scores(found, wanted, sides[1]["blocks"], compared, sum(parts)) if self.clip else {}
        return {
            "tree_bleu": recall, "bleu": bleu, "rouge": rouge, "mse": mse, "ssim": ssim,
            "visual_without_clip": 0.2 * sum(parts), **dict(zip(names, parts)), **of_clip,
        }

    def clip_scores(self, found, wanted, wanted_blocks, compared, parts):
        """The prediction's blocks are covered as they were joined, the reference's as they were found."""
        with Image.open(found) as one, Image.open(wanted) as other:
            whole = clip_model.likeness(self.clip, one, other)
        if "candidate" not in compared:
            return {"clip": whole, "visual_clip": 0.0, "visual": 0.0}
        sides = ((found, compared["candidate"]), (wanted, wanted_blocks))
        squares = [pictures.square(path, [block["bbox"] for block in blocks]) for path, blocks in sides]
        covered = clip_model.likeness(self.clip, *squares)
        return {"clip": whole, "visual_clip": covered, "visual": 0.2 * (parts + covered)}


def newlines(text):
    """As Python reads a text from a file."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def main():
    path, program, folder, fast, *clip = sys.argv[1:]
    warnings.simplefilter("ignore")
    studio = Studio(Answers(path), program, folder, fast == "1")
    evaluation = Evaluation(studio, clip[0] if clip else None)
    for line in sys.stdin:
        pair = json.loads(line)
        said = {"id": pair["id"]}
        start = time.perf_counter()
        try:
            said["scores"] = evaluation.scores(pair["reference"], pair["candidate"])
        except Exception as error:  # the published evaluation drops the pair
            said["error"] = f"{type(error).__name__}: {error}"[:300]
        said["seconds"], said["pictures"] = time.perf_counter() - start, studio.pictures
        print(json.dumps(said), flush=True)
    studio.open.close()


main()
