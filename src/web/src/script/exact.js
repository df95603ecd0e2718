() => {
  // Sixty times in a second of the page's own time, which may be virtual; whole milliseconds, since timers know no others.
  const step = 1000 / 60;
  const clock = performance.now.bind(performance);
  const later = setTimeout;
  const origin = clock();
  let before = origin;
  let turn = 0;
  let number = 0;
  let waiting = new Map();
  globalThis.requestAnimationFrame = (callback) => {
    if (typeof callback !== "function") throw new TypeError("requestAnimationFrame takes a function");
    waiting.set(++number, callback);
    return number;
  };
  globalThis.cancelAnimationFrame = (id) => void waiting.delete(id);
  // The browser moves animations by its own clock. Here they are held from their start on, and moved by the page's.
  const held = new WeakSet();
  const hold = (animation) => {
    const { playbackRate, effect } = animation;
    const end = effect.getComputedTiming().endTime;
    animation.pause();
    animation.currentTime = playbackRate < 0 && Number.isFinite(end) ? end : 0;
    held.add(animation);
  };
  const animate = Element.prototype.animate;
  Element.prototype.animate = function (...given) {
    const animation = animate.apply(this, given);
    hold(animation);
    return animation;
  };
  const move = (by) => {
    for (const animation of document.getAnimations()) {
      if (!animation.effect) continue;
      if (!held.has(animation)) {
        if (animation.playState === "running") hold(animation);
        continue;
      }
      if (animation.playState !== "paused") {
        held.delete(animation);
        continue;
      }
      const reached = animation.currentTime + by * animation.playbackRate;
      const end = animation.effect.getComputedTiming().endTime;
      if (animation.playbackRate > 0 ? reached < end : reached > 0) {
        animation.currentTime = reached;
      } else {
        held.delete(animation);
        animation.finish();
      }
    }
  };
  const tick = () => {
    const now = clock();
    move(now - before);
    before = now;
    const due = waiting;
    waiting = new Map();
    for (const callback of due.values()) {
      try {
        callback(performance.now());
      } catch (error) {
        reportError(error);
      }
    }
    next();
  };
  const next = () => {
    const passed = clock() - origin;
    turn = Math.max(turn + 1, Math.floor(passed / step) + 1);
    later(tick, Math.max(1, Math.ceil(turn * step - passed)));
  };
  next();
}
