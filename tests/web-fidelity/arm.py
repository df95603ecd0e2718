"""Playwright's pictures: arm.py SOCKET BROWSER JOBS OUT takes each job's picture as its contract says.

A job is a line {"index", "run", "html", "contract"}. Every request is answered by what listens at SOCKET, which gives
the answers that our own renderer gives. Prints one line {"index", "run", "error"} for each job.
"""

import base64
import json
import socket
import sys

from playwright.sync_api import sync_playwright

ORIGIN = "http://page.localhost/"


class Answers:
    """What our mirror answers."""

    def __init__(self, path):
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.connect(path)
        self.file = self.stream.makefile("rw")

    def ask(self, request):
        asked = {"url": request.url, "method": request.method, "kind": request.resource_type}
        self.file.write(json.dumps(asked) + "\n")
        self.file.flush()
        return json.loads(self.file.readline())


def serve(page, answers, html):
    """Answers every request of the page."""

    def answer(route):
        request = route.request
        if request.url == ORIGIN + "index.html":
            route.fulfill(status=200, headers={"Content-Type": "text/html; charset=utf-8"}, body=html)
        elif request.url.startswith(ORIGIN):
            route.fulfill(status=404, headers={"Content-Type": "text/plain"}, body="no file\n")
        else:
            said = answers.ask(request)
            if "failure" in said:
                route.abort(said["failure"].lower())
            else:
                headers = dict(said["headers"])
                route.fulfill(status=said["status"], headers=headers, body=base64.b64decode(said["body"]))

    page.route("**/*", answer)


def picture(browser, answers, job):
    """One picture in a new context."""
    context = browser.new_context()
    try:
        page = context.new_page()
        serve(page, answers, job["html"])
        if job["contract"] == "content":
            # The published evaluation of WebCode2M.
            page.set_content(job["html"], wait_until="domcontentloaded")
        else:
            # InteractScience: loaded, and half a second.
            page.goto(ORIGIN + "index.html", wait_until="load")
            page.wait_for_timeout(500)
        return page.screenshot(full_page=True, animations="disabled")
    finally:
        context.close()


def main():
    path, program, jobs, out = sys.argv[1:]
    answers = Answers(path)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        for line in open(jobs):
            job = json.loads(line)
            error = None
            try:
                with open(f"{out}/{job['index']}-{job['run']}.png", "wb") as file:
                    file.write(picture(browser, answers, job))
            except Exception as problem:  # Whatever it is, it is this page's result.
                error = str(problem).splitlines()[0]
            print(json.dumps({"index": job["index"], "run": job["run"], "error": error}), flush=True)
        browser.close()


main()
