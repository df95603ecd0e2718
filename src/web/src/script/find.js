async (task, selector, states, argument, tries) => {
  const notYet = (why) => ({ not_yet: why });
  const never = (why) => ({ never: why });
  const found = (value) => ({ found: value });

  // Selectors look through open shadow roots, as a user does.
  const all = function* (root) {
    for (const element of root.querySelectorAll("*")) {
      yield element;
      if (element.shadowRoot) yield* all(element.shadowRoot);
    }
  };
  const clean = (text) => (text || "").replace(/\s+/g, " ").trim();
  const byText = (wanted) => {
    const exact = /^".*"$/.test(wanted);
    const text = clean(exact ? wanted.slice(1, -1) : wanted);
    const same = exact
      ? (element) => clean(element.textContent) === text
      : (element) => clean(element.textContent).toLowerCase().includes(text.toLowerCase());
    const own = (element) => {
      if (/^(script|style|head|noscript)$/i.test(element.tagName)) return false;
      if (/^(button|submit)$/i.test(element.type || "") && element.tagName === "INPUT") {
        return clean(element.value).toLowerCase().includes(text.toLowerCase());
      }
      return same(element) && ![...element.children].some(same);
    };
    for (const element of all(document)) if (own(element)) return element;
    return null;
  };
  const byLabel = (wanted) => {
    const text = clean(wanted).toLowerCase();
    for (const element of all(document)) {
      const labels = element.labels ? [...element.labels].map((label) => label.textContent) : [];
      const aria = element.getAttribute("aria-label");
      if (aria) labels.push(aria);
      if (labels.some((label) => clean(label).toLowerCase().includes(text))) return element;
    }
    return null;
  };
  const byCss = (wanted) => {
    const first = document.querySelector(wanted);
    if (first) return first;
    for (const element of all(document)) {
      const inner = element.shadowRoot && element.shadowRoot.querySelector(wanted);
      if (inner) return inner;
    }
    return null;
  };
  const find = () => {
    const [, kind, rest] = /^(text|label|xpath|css)=([^]*)$/.exec(selector) || [null, "css", selector];
    if (kind === "text") return byText(rest);
    if (kind === "label") return byLabel(rest);
    if (kind === "xpath") return document.evaluate(rest, document, null, 9, null).singleNodeValue;
    return byCss(rest);
  };

  let element;
  try {
    element = find();
  } catch (error) {
    return never("the selector cannot be understood: " + error.message);
  }
  if (!element) return notYet("no such element");

  const rect = () => element.getBoundingClientRect();
  const visible = () => {
    if (element.checkVisibility && !element.checkVisibility()) return false;
    if (getComputedStyle(element).visibility !== "visible") return false;
    const { width, height } = rect();
    return width > 0 && height > 0;
  };
  const disabled = () =>
    element.matches("button:disabled,select:disabled,input:disabled,textarea:disabled,option:disabled,optgroup:disabled") ||
    !!element.closest('[aria-disabled="true"]');
  const editable = () => !disabled() && !element.readOnly && element.getAttribute("aria-readonly") !== "true";
  const frame = () =>
    new Promise((done) => {
      requestAnimationFrame(done);
      // A window that draws nothing has no frames.
      setTimeout(done, 500);
    });

  if (states.includes("visible") && !visible()) return notYet("the element is not visible");
  if (states.includes("enabled") && disabled()) return notYet("the element is disabled");
  if (states.includes("editable") && !editable()) return notYet("the element cannot be edited");
  if (states.includes("stable")) {
    // Measured in two frames: between frames nothing moves, whatever is animated.
    await frame();
    const before = rect();
    await frame();
    const after = rect();
    const same = ["x", "y", "width", "height"].every((side) => before[side] === after[side]);
    if (!same || !element.isConnected) return notYet("the element is moving");
  }

  if (task === "point") {
    const block = ["nearest", "end", "center", "start"][tries % 4];
    const out = () => {
      const { left, top, right, bottom } = rect();
      return left < 0 || top < 0 || right > innerWidth || bottom > innerHeight;
    };
    if (out()) element.scrollIntoView({ block, inline: block, behavior: "instant" });
    const clamp = (value, most) => Math.min(Math.max(value, 0), most);
    const boxes = [...element.getClientRects()].map((box) => ({
      left: clamp(box.left, innerWidth),
      right: clamp(box.right, innerWidth),
      top: clamp(box.top, innerHeight),
      bottom: clamp(box.bottom, innerHeight),
    }));
    const box = boxes.find((box) => (box.right - box.left) * (box.bottom - box.top) > 0.99);
    if (!box && states.includes("hit")) return notYet("the element is outside of the window");
    const x = box ? (box.left + box.right) / 2 : 0;
    const y = box ? (box.top + box.bottom) / 2 : 0;
    if (states.includes("hit")) {
      let hit = document.elementFromPoint(x, y);
      while (hit && hit.shadowRoot && hit.shadowRoot.elementFromPoint(x, y) && hit.shadowRoot.elementFromPoint(x, y) !== hit) {
        hit = hit.shadowRoot.elementFromPoint(x, y);
      }
      const contains = (outer, inner) => {
        for (let node = inner; node; node = node.parentNode || node.host) if (node === outer) return true;
        return false;
      };
      const label = hit && hit.closest && hit.closest("label");
      if (!contains(element, hit) && !(label && label.control === element)) {
        const name = hit ? `<${hit.localName}${hit.id ? "#" + hit.id : ""}>` : "nothing";
        return notYet(`${name} lies over the element`);
      }
    }
    const { left, top, width, height } = rect();
    return found({ x, y, document: { x: left + scrollX, y: top + scrollY, width, height } });
  }

  if (task === "focus") {
    element.focus();
    return found(true);
  }

  if (task === "checked") {
    const role = element.getAttribute("role");
    if (/^(checkbox|radio|switch|menuitemcheckbox|menuitemradio)$/.test(role || "")) {
      return found(element.getAttribute("aria-checked") === "true");
    }
    const control = element.tagName === "LABEL" ? element.control : element;
    if (!control || !/^(checkbox|radio)$/.test(control.type || "")) return never("not a check box or radio button");
    return found(control.checked);
  }

  if (task === "fill") {
    const target = element.tagName === "LABEL" && element.control ? element.control : element;
    if (target.isContentEditable) {
      target.focus();
      getSelection().selectAllChildren(target);
      return found("type");
    }
    if (target.tagName === "TEXTAREA") {
      target.select();
      target.focus();
      return found("type");
    }
    if (target.tagName !== "INPUT") return never("not a field that can be filled");
    const kind = target.type.toLowerCase();
    const typed = ["", "email", "number", "password", "search", "tel", "text", "url"];
    const set = ["color", "date", "time", "datetime-local", "month", "range", "week"];
    if (typed.includes(kind)) {
      if (kind === "number" && Number.isNaN(Number(argument))) return never("text cannot go into a field of numbers");
      target.select();
      target.focus();
      return found("type");
    }
    if (!set.includes(kind)) return never(`an input of type ${kind} cannot be filled`);
    target.focus();
    target.value = kind === "color" ? argument.toLowerCase() : argument;
    if (target.value !== (kind === "color" ? argument.toLowerCase() : argument)) return never("the value is not one that the field takes");
    target.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
    target.dispatchEvent(new Event("change", { bubbles: true }));
    return found("done");
  }

  if (task === "select") {
    if (element.tagName === "LABEL" && element.control) element = element.control;
    if (element.tagName !== "SELECT") return never("not a select element");
    const options = [...element.options];
    const chosen = argument.map((wanted) => options.find((option) => option.value === wanted || clean(option.label) === clean(wanted)));
    const missing = argument.filter((_, index) => !chosen[index]);
    if (missing.length) return notYet("there is no option " + missing.join(", "));
    if (chosen.some((option) => option.disabled)) return notYet("the option is disabled");
    if (!element.multiple && chosen.length > 1) return never("it takes one option only");
    if (element.multiple) for (const option of options) option.selected = chosen.includes(option);
    else if (chosen.length) chosen[0].selected = true;
    element.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
    element.dispatchEvent(new Event("change", { bubbles: true }));
    return found(true);
  }

  return found(true);
}
