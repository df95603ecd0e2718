//! What a vision tower made of pictures, kept by their contents: a sample that is judged twice is looked at once.

use std::collections::{BTreeMap, HashMap};

use candle_core::Tensor;
use glasshouse_model::Digest;

/// Tokens of pictures, the longest unused of which go first when there is no room.
pub(super) struct Seen {
    kept: HashMap<Digest, (Tensor, u64)>,
    order: BTreeMap<u64, Digest>,
    bytes: usize,
    most: usize,
    clock: u64,
}

impl Seen {
    /// Room for so many bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { kept: HashMap::new(), order: BTreeMap::new(), bytes: 0, most, clock: 0 }
    }

    pub(super) fn get(&mut self, picture: &Digest) -> Option<Tensor> {
        let (tensor, used) = self.kept.get_mut(picture)?;
        self.order.remove(used);
        self.clock += 1;
        *used = self.clock;
        self.order.insert(self.clock, *picture);
        Some(tensor.clone())
    }

    pub(super) fn put(&mut self, picture: Digest, tensor: &Tensor) {
        let size = |tensor: &Tensor| tensor.elem_count() * tensor.dtype().size_in_bytes();
        if size(tensor) > self.most || self.kept.contains_key(&picture) {
            return;
        }
        while self.bytes + size(tensor) > self.most {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            if let Some((gone, _)) = self.kept.remove(&oldest) {
                self.bytes -= size(&gone);
            }
        }
        self.clock += 1;
        self.bytes += size(tensor);
        self.order.insert(self.clock, picture);
        self.kept.insert(picture, (tensor.clone(), self.clock));
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let tensor = Tensor::zeros(10, DType::F32, &Device::Cpu).unwrap();
        let name = |name: &str| Digest::of(name.as_bytes());
        let mut seen = Seen::new(100);
        seen.put(name("a"), &tensor);
        seen.put(name("b"), &tensor);
        assert!(seen.get(&name("a")).is_some());
        seen.put(name("c"), &tensor);
        assert!(seen.get(&name("b")).is_none());
        assert!(seen.get(&name("a")).is_some() && seen.get(&name("c")).is_some());
        // What does not fit at all is not kept, and drives nothing out.
        seen.put(name("d"), &Tensor::zeros(26, DType::F32, &Device::Cpu).unwrap());
        assert!(seen.get(&name("d")).is_none() && seen.get(&name("a")).is_some());
    }
}
