async (most) => {
  const end = performance.now() + most;
  const images = [];
  // Open shadow trees count, as for Playwright's selectors.
  const collect = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.localName === "img") images.push(element);
      if (element.shadowRoot) collect(element.shadowRoot);
    }
  };
  collect(document);
  for (const image of images) {
    while (!image.complete && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
