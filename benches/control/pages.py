"""A lane of Playwright: pages.py MODE BROWSER SOCKET reads pages from stdin and writes their pictures to stdout.

A page is a line of JSON {"html"}; a picture is its length in 8 bytes, then a PNG. MODE says what is kept between pages:
`evaluation` nothing, as the published evaluation of WebCode2M has it; `launch` Playwright's own process; `context` the
browser as well, with a new context for each page. Every request is answered by what listens at SOCKET, or fails.
"""

import base64
import json
import socket
import struct
import sys

from playwright.sync_api import sync_playwright

mode, program, path = sys.argv[1:]
stream = socket.socket(socket.AF_UNIX)
stream.connect(path)
answers = stream.makefile("rw")


def answer(route):
    request = route.request
    asked = {"url": request.url, "method": request.method, "kind": request.resource_type}
    answers.write(json.dumps(asked) + "\n")
    answers.flush()
    said = json.loads(answers.readline())
    if "failure" in said:
        route.abort(said["failure"].lower())
    else:
        route.fulfill(status=said["status"], headers=dict(said["headers"]), body=base64.b64decode(said["body"]))


def picture(browser, html):
    context = browser.new_context()
    page = context.new_page()
    page.route("**/*", answer)
    page.set_content(html, wait_until="domcontentloaded")
    shot = page.screenshot(full_page=True, animations="disabled")
    context.close()
    return shot


def launched(playwright, html):
    browser = playwright.chromium.launch(executable_path=program)
    shot = picture(browser, html)
    browser.close()
    return shot


def pages():
    for line in sys.stdin:
        yield json.loads(line)["html"]


def write(shot):
    sys.stdout.buffer.write(struct.pack("<Q", len(shot)) + shot)
    sys.stdout.buffer.flush()


if mode == "evaluation":
    for html in pages():
        with sync_playwright() as playwright:
            write(launched(playwright, html))
else:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program) if mode == "context" else None
        for html in pages():
            write(picture(browser, html) if browser else launched(playwright, html))
