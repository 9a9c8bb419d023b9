// Scrolls a long table from its top to its end, most of a screen with every frame.

/** What was seen on the way: the time of each frame in ms, sorted, how many screens had
 * no row in their middle, and how many rows were drawn at most. */
export const scrollThrough = (page) => page.evaluate(async () => {
  const frame = document.querySelector(".table-frame");
  const next = () => new Promise((done) => requestAnimationFrame(done));
  const frames = [];
  let [empty, most] = [0, 0];
  let before = await next();
  while (frame.scrollTop + frame.clientHeight < frame.scrollHeight - 1) {
    frame.scrollTop += frame.clientHeight * 0.9;
    const now = await next();
    frames.push(now - before);
    before = now;
    const { top, height } = frame.getBoundingClientRect();
    const middle = document.elementFromPoint(innerWidth / 2, top + height / 2);
    if (!middle?.closest("tr[data-row]")) empty += 1;
    most = Math.max(most, document.querySelectorAll("tr[data-row]").length);
  }
  frames.sort((one, other) => one - other);
  return { frames, empty, most };
});
