() => {
  const parts = [document.body, document.documentElement].filter(Boolean);
  // Without a root element there is nothing but the window.
  if (!parts.length) return { title: "", width: innerWidth, height: innerHeight, left: 0, top: 0 };
  const most = (...names) => Math.max(0, ...parts.flatMap((part) => names.map((name) => part[name] || 0)));
  return {
    title: document.title.slice(0, 1024),
    width: most("scrollWidth", "offsetWidth", "clientWidth"),
    height: most("scrollHeight", "offsetHeight", "clientHeight"),
    left: window.scrollX,
    top: window.scrollY,
  };
}
