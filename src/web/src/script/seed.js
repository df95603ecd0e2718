([high, low]) => {
  // xoshiro128** by Blackman and Vigna, seeded by splitmix32: small, fast, and good enough for pages.
  let seed = (high ^ (low * 0x9e3779b9)) >>> 0;
  const next = () => {
    seed = (seed + 0x9e3779b9) >>> 0;
    let word = seed ^ (seed >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word ^= word >>> 15;
    word = Math.imul(word, 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  };
  const state = [next(), next(), next(), next() ^ low];
  const turn = (word, by) => (word << by) | (word >>> (32 - by));
  const draw = () => {
    const result = Math.imul(turn(Math.imul(state[1], 5), 7), 9) >>> 0;
    const kept = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= kept;
    state[3] = turn(state[3], 11);
    return result;
  };
  const random = () => ((draw() >>> 5) * 0x4000000 + (draw() >>> 6)) / 0x20000000000000;
  Math.random = { random }.random;
}
