(hideCaret, still) => {
  const roots = [];
  const collect = (root) => {
    roots.push(root);
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) collect(element.shadowRoot);
    }
  };
  collect(document);
  const undo = [];
  if (hideCaret) {
    for (const root of roots) {
      for (const field of root.querySelectorAll("input,textarea,[contenteditable]")) {
        const value = field.style.getPropertyValue("caret-color");
        const priority = field.style.getPropertyPriority("caret-color");
        field.style.setProperty("caret-color", "transparent", "important");
        undo.push(() => field.style.setProperty("caret-color", value, priority));
      }
    }
  }
  if (still) {
    // Those that have an end are brought there; those that have none are stopped, and played again afterwards.
    const stopped = new Set();
    const stop = (root) => {
      for (const animation of root.getAnimations()) {
        if (!animation.effect || animation.playbackRate === 0 || stopped.has(animation)) continue;
        try {
          if (Number.isFinite(animation.effect.getComputedTiming().endTime)) {
            animation.finish();
          } else {
            animation.cancel();
            stopped.add(animation);
          }
        } catch {
          // An animation that refuses is left as it is.
        }
      }
    };
    for (const root of roots) {
      const stopAll = () => stop(root);
      stopAll();
      root.addEventListener("transitionrun", stopAll);
      root.addEventListener("animationstart", stopAll);
      undo.push(() => {
        root.removeEventListener("transitionrun", stopAll);
        root.removeEventListener("animationstart", stopAll);
      });
    }
    undo.push(() => {
      for (const animation of stopped) {
        try {
          animation.play();
        } catch {
          // Its target is gone.
        }
      }
    });
  }
  globalThis.glasshouseRestore = () => {
    for (const step of undo) step();
    delete globalThis.glasshouseRestore;
  };
}
