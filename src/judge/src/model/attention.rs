//! Attention of a packed batch: segments of rows, each with keys of its own, in a handful of matrix products.
//!
//! A [`Plan`] says once for a whole forward which rows attend to which keys; every layer follows it. Segments of about
//! one size go through one product, padded to the largest among them, so that the number of launches grows with the
//! kinds of segments and not with their number: the windows of a vision tower are one kind, decoding is one kind. All
//! prompts, decoded tokens, windows and whole pictures take this one path, and so a prompt alone, in a batch and behind
//! a shared prefix get the same numbers.

use candle_core::{D, DType, Device, Result, Tensor};

/// A run of rows of a packed batch that attend to the same keys.
pub(crate) struct Segment {
    /// Its first row.
    pub(crate) first: usize,
    /// Rows in it.
    pub(crate) rows: usize,
    /// Where its keys lie in the store of keys, in order of position.
    pub(crate) keys: Vec<u32>,
    /// Whether a row sees only keys up to its own, the last row being that of the last key.
    pub(crate) causal: bool,
}

/// Which rows attend to which keys.
pub(crate) struct Plan {
    groups: Vec<Group>,
    /// Where each row of the batch lies in the groups' results; none if they are in order.
    order: Option<Tensor>,
}

/// Segments that are computed together, padded to the same numbers of rows and keys.
struct Group {
    /// Rows of the batch, `segments` times `rows`.
    from: Tensor,
    /// Keys of the store, `segments` times `keys`.
    keys_from: Tensor,
    segments: usize,
    rows: usize,
    keys: usize,
    /// Added to scores: 0 where a row sees a key, else minus infinity; (1, segment, 1, row, key).
    mask: Option<Tensor>,
}

/// Scores that padding may always cost, for each segment.
const FREE: usize = 4096;
/// Scores in one product, all heads taken together: 1 GiB in single precision.
const MOST: usize = 1 << 28;

impl Plan {
    /// A plan for segments that cover the rows of a batch once. `heads` is the number of heads of queries.
    pub(crate) fn new(segments: &[Segment], heads: usize, device: &Device) -> Result<Self> {
        let mut sorted: Vec<&Segment> = segments.iter().filter(|segment| segment.rows > 0).collect();
        sorted.sort_by_key(|segment| std::cmp::Reverse((segment.rows, segment.keys.len())));
        let mut groups = Vec::new();
        let mut placed: Vec<u32> = Vec::new();
        for group in gather(&sorted, heads) {
            let rows = group.iter().map(|segment| segment.rows).max().unwrap_or_default();
            placed.extend(group.iter().flat_map(|segment| padded(segment, rows)));
            groups.push(Group::new(group, rows, device)?);
        }
        Ok(Self { groups, order: order(&sorted, &placed, device)? })
    }

    /// Mixes values by how queries match keys. `queries` is (row, head, number), `keys` and `values` are (head of keys,
    /// place in the store, number); what comes is (row, head x number).
    pub(crate) fn attend(&self, queries: &Tensor, keys: &Tensor, values: &Tensor) -> Result<Tensor> {
        let (_, heads, width) = queries.dims3()?;
        let kv_heads = keys.dim(0)?;
        let shared = heads / kv_heads;
        let scale = (width as f64).sqrt().recip();
        let mut mixed = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let Group { segments, rows, keys: count, .. } = *group;
            let batch = kv_heads * segments;
            let some = queries.index_select(&group.from, 0)?.reshape((segments, rows, kv_heads, shared, width))?;
            let some = some.permute((2, 0, 3, 1, 4))?.contiguous()?.reshape((batch, shared * rows, width))?;
            let theirs = keys.index_select(&group.keys_from, 1)?.reshape((batch, count, width))?;
            let scores = (some.matmul(&theirs.transpose(1, 2)?)?.to_dtype(DType::F32)? * scale)?;
            let scores = match &group.mask {
                None => scores,
                Some(mask) => scores
                    .reshape((kv_heads, segments, shared, rows, count))?
                    .broadcast_add(mask)?
                    .reshape((batch, shared * rows, count))?,
            };
            let weights = candle_nn::ops::softmax_last_dim(&scores)?.to_dtype(values.dtype())?;
            let theirs = values.index_select(&group.keys_from, 1)?.reshape((batch, count, width))?;
            let all = weights.matmul(&theirs)?.reshape((kv_heads, segments, shared, rows, width))?;
            mixed.push(all.permute((1, 3, 0, 2, 4))?.contiguous()?.reshape((segments * rows, heads * width))?);
        }
        let mixed = if let [one] = mixed.as_slice() { one.clone() } else { Tensor::cat(&mixed, 0)? };
        match &self.order {
            None => Ok(mixed),
            Some(order) => mixed.index_select(order, 0),
        }
    }
}

/// Cuts sorted segments into groups in which padding costs little.
fn gather<'a, 'b>(sorted: &'b [&'a Segment], heads: usize) -> Vec<&'b [&'a Segment]> {
    let mut groups = Vec::new();
    let mut start = 0;
    while start < sorted.len() {
        let (mut end, mut rows, mut keys, mut useful) = (start, 0, 0, 0);
        while end < sorted.len() {
            let segment = sorted[end];
            let (more_rows, more_keys) = (rows.max(segment.rows), keys.max(segment.keys.len()));
            let count = end + 1 - start;
            let cost = count * more_rows * more_keys;
            let more_useful = useful + segment.rows * segment.keys.len();
            let wasteful = cost > more_useful + more_useful / 2 && more_rows * more_keys > FREE;
            if count > 1 && (wasteful || cost * heads > MOST) {
                break;
            }
            (end, rows, keys, useful) = (end + 1, more_rows, more_keys, more_useful);
        }
        groups.push(&sorted[start..end]);
        start = end;
    }
    groups
}

/// A segment's rows of the batch, and then its first again up to `rows`.
fn padded(segment: &Segment, rows: usize) -> impl Iterator<Item = u32> {
    let (first, count) = (segment.first, segment.rows);
    (0..rows).map(move |at| (first + if at < count { at } else { 0 }) as u32)
}

/// Where each row of the batch lies among the groups' rows; none if each lies at its own place.
fn order(sorted: &[&Segment], placed: &[u32], device: &Device) -> Result<Option<Tensor>> {
    let count = sorted.iter().map(|segment| segment.rows).sum();
    let mut order = vec![0_u32; count];
    // Padding repeats a segment's first row behind it, so going backwards the row itself has the last word.
    for (at, row) in placed.iter().enumerate().rev() {
        order[*row as usize] = at as u32;
    }
    let plain = placed.len() == count && order.iter().enumerate().all(|(at, place)| at == *place as usize);
    if plain { Ok(None) } else { Ok(Some(Tensor::from_vec(order, count, device)?)) }
}

impl Group {
    fn new(segments: &[&Segment], rows: usize, device: &Device) -> Result<Self> {
        let keys = segments.iter().map(|segment| segment.keys.len()).max().unwrap_or_default();
        let from: Vec<u32> = segments.iter().flat_map(|segment| padded(segment, rows)).collect();
        let mut keys_from = Vec::with_capacity(segments.len() * keys);
        let mut seen = Vec::with_capacity(segments.len() * rows);
        for segment in segments {
            let own = segment.keys.len();
            keys_from.extend_from_slice(&segment.keys);
            keys_from.resize(keys_from.len() + keys - own, segment.keys.first().copied().unwrap_or_default());
            // The number of keys that each row sees; rows of padding see as many as the last, and are thrown away.
            let last = |at: usize| own - segment.rows.min(own) + at.min(segment.rows - 1) + 1;
            seen.extend((0..rows).map(|at| (if segment.causal { last(at).min(own) } else { own }) as u32));
        }
        let mask = if seen.iter().all(|seen| *seen as usize == keys) {
            None
        } else {
            let seen = Tensor::from_vec(seen, (1, segments.len(), 1, rows, 1), device)?;
            let at = Tensor::arange(0, keys as u32, device)?.reshape((1, 1, 1, 1, keys))?;
            let sees = at.broadcast_lt(&seen)?;
            let zero = Tensor::zeros(sees.shape(), DType::F32, device)?;
            let never = Tensor::full(f32::NEG_INFINITY, sees.shape(), device)?;
            Some(sees.where_cond(&zero, &never)?)
        };
        Ok(Self {
            keys_from: Tensor::from_vec(keys_from, segments.len() * keys, device)?,
            from: Tensor::from_vec(from, segments.len() * rows, device)?,
            segments: segments.len(),
            rows,
            keys,
            mask,
        })
    }
}

/// The parts of a fused projection (row, parts x heads x number), as (row, head, number) each.
pub(crate) fn split<const N: usize>(fused: &Tensor, heads: [usize; N], width: usize) -> Result<[Tensor; N]> {
    let rows = fused.dim(0)?;
    let mut at = 0;
    let mut parts = Vec::with_capacity(N);
    for count in heads {
        parts.push(fused.narrow(D::Minus1, at, count * width)?.contiguous()?.reshape((rows, count, width))?);
        at += count * width;
    }
    parts.try_into().map_err(|_| candle_core::Error::msg("a projection has other parts than it should"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADS: usize = 4;
    const KV_HEADS: usize = 2;
    const WIDTH: usize = 8;

    fn noise(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    /// Attention row by row and key by key, in double precision.
    fn slowly(segments: &[Segment], queries: &[f32], keys: &[f32], values: &[f32], store: usize) -> Vec<f64> {
        let mut mixed = vec![0.0; queries.len()];
        for segment in segments {
            for (row, head) in (0..segment.rows).flat_map(|row| (0..HEADS).map(move |head| (row, head))) {
                let query = ((segment.first + row) * HEADS + head) * WIDTH;
                let sees =
                    if segment.causal { segment.keys.len() - segment.rows + row + 1 } else { segment.keys.len() };
                let at = |key: u32| (head / (HEADS / KV_HEADS) * store + key as usize) * WIDTH;
                let weight = |key: u32| {
                    let product = |number| f64::from(queries[query + number]) * f64::from(keys[at(key) + number]);
                    ((0..WIDTH).map(product).sum::<f64>() / (WIDTH as f64).sqrt()).exp()
                };
                let all: f64 = segment.keys[..sees].iter().map(|key| weight(*key)).sum();
                for key in &segment.keys[..sees] {
                    for number in 0..WIDTH {
                        mixed[query + number] += weight(*key) / all * f64::from(values[at(*key) + number]);
                    }
                }
            }
        }
        mixed
    }

    /// Segments one after the other, whose keys lie scattered in a store.
    fn segments(sizes: &[(usize, usize)], causal: bool, store: usize) -> Vec<Segment> {
        let mut first = 0;
        let segment = |(at, (rows, keys)): (usize, &(usize, usize))| {
            first += rows;
            let keys = (0..*keys).map(|key| ((key * 7 + at * 13) % store) as u32).collect();
            Segment { first: first - rows, rows: *rows, keys, causal }
        };
        sizes.iter().enumerate().map(segment).collect()
    }

    #[test]
    fn ragged_segments_get_what_each_key_and_row_give() {
        let store = 1009;
        for (causal, sizes) in [
            (true, vec![(5, 5), (1, 40), (17, 90), (1, 3), (1, 1), (100, 100), (2, 200), (30, 31)]),
            (false, vec![(64, 64), (16, 16), (64, 64), (32, 32), (4, 4), (300, 300)]),
            (true, vec![(150, 150), (1, 900), (140, 600), (3, 5)]),
        ] {
            let segments = segments(&sizes, causal, store);
            let rows: usize = sizes.iter().map(|(rows, _)| rows).sum();
            let queries = noise(rows * HEADS * WIDTH, 1);
            let (keys, values) = (noise(KV_HEADS * store * WIDTH, 2), noise(KV_HEADS * store * WIDTH, 3));
            let tensor = |numbers: &[f32], shape| Tensor::from_slice(numbers, shape, &Device::Cpu).unwrap();
            let plan = Plan::new(&segments, HEADS, &Device::Cpu).unwrap();
            let of = |numbers: &[f32]| tensor(numbers, (KV_HEADS, store, WIDTH));
            let ours = plan.attend(&tensor(&queries, (rows, HEADS, WIDTH)), &of(&keys), &of(&values)).unwrap();
            let ours = ours.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let exact = slowly(&segments, &queries, &keys, &values, store);
            let furthest = ours.iter().zip(&exact).map(|(one, other)| (f64::from(*one) - other).abs());
            let furthest = furthest.fold(0.0, f64::max);
            assert!(furthest < 1e-5, "{sizes:?}: {furthest}");
        }
    }

    #[test]
    fn windows_are_one_product_and_so_are_decoded_tokens() {
        let groups = |sizes: &[(usize, usize)]| {
            let plan = Plan::new(&segments(sizes, true, 100_000), HEADS, &Device::Cpu).unwrap();
            plan.groups.len()
        };
        // The windows of a picture of 1036 x 756 pixels: 8 x 8 patches, with two cut edges and a corner.
        let windows = [vec![(64, 64); 54], vec![(16, 16); 6], vec![(48, 48); 9], vec![(12, 12)]].concat();
        assert_eq!(groups(&windows), 1);
        let decoding: Vec<(usize, usize)> = (0..64).map(|at| (1, 1500 + 37 * at)).collect();
        assert_eq!(groups(&decoding), 1);
        // Prompts of one kind go together; one of another size does not make them as large as itself.
        assert_eq!(groups(&[(1000, 1000), (980, 980), (900, 1000)]), 1);
        assert_eq!(groups(&[(1000, 1000), (100, 100), (90, 90)]), 2);
    }
}
