//! Prompts as tokens with positions and pictures, and how far each has been computed.

use std::sync::Arc;

use glasshouse_model::Digest;

use super::config::Configuration;
use super::pages::{PAGE, Pages};
use super::picture::{Grid, Pixels};
use crate::ModelError;

/// A position: temporal, vertical, horizontal. All three are the same for text.
pub type Position = [u32; 3];

/// A prompt, ready for a model.
#[derive(Debug)]
pub struct Prompt {
    tokens: Vec<u32>,
    positions: Vec<Position>,
    /// The position of the first token of an answer.
    next: u32,
    pictures: Vec<Arc<Pixels>>,
    /// The first token of each picture.
    starts: Vec<usize>,
    /// The names of its full pages.
    names: Vec<Digest>,
}

impl Prompt {
    /// From tokens, in which each picture has as many picture tokens as it takes ([`Prompt::places`]), one picture after
    /// the other.
    ///
    /// # Errors
    /// [`ModelError::Prompt`] where the picture tokens do not fit the pictures, a token is none of the model's, or the
    /// prompt is empty or longer than the model's context.
    pub fn new(
        tokens: Vec<u32>,
        pictures: Vec<Arc<Pixels>>,
        configuration: &Configuration,
    ) -> Result<Self, ModelError> {
        let wrong = |why: String| Err(ModelError::Prompt(why));
        let context = configuration.text.context;
        if tokens.is_empty() {
            return wrong("it has no tokens".to_owned());
        }
        if tokens.len() >= context {
            return wrong(format!("it is {} tokens long, and the model's context {context}", tokens.len()));
        }
        if let Some(token) = tokens.iter().find(|token| **token as usize >= configuration.text.vocabulary) {
            return wrong(format!(
                "token {token} is beyond the model's {}; is the tokenizer another model's?",
                configuration.text.vocabulary
            ));
        }
        let picture_token = configuration.vision.as_ref().map(|vision| vision.picture_token);
        let mut waiting = pictures.iter();
        let (mut positions, mut starts): (Vec<Position>, Vec<usize>) = (Vec::with_capacity(tokens.len()), Vec::new());
        let (mut next, mut last) = (0, 0);
        while positions.len() < tokens.len() {
            let at = positions.len();
            if Some(tokens[at]) != picture_token {
                positions.push([next; 3]);
                (next, last) = (next + 1, last.max(next));
                continue;
            }
            let (Some(picture), Some(vision)) = (waiting.next(), &configuration.vision) else {
                return wrong(format!("token {at} stands for a picture, and there are only {}", pictures.len()));
            };
            let (grid, merge) = (picture.grid(), vision.merge);
            let run = tokens[at..].iter().take_while(|token| Some(**token) == picture_token).count();
            if run < Self::places(grid, merge) {
                return wrong(format!("a picture takes {} tokens, and has {run}", Self::places(grid, merge)));
            }
            starts.push(at);
            positions.extend(picture_positions(grid, merge, next));
            last = positions[at..].iter().flatten().copied().fold(last, u32::max);
            next += (grid.height.max(grid.width) / merge) as u32;
        }
        if waiting.next().is_some() {
            return wrong(format!("it has {} pictures, and places for {}", pictures.len(), starts.len()));
        }
        let mut prompt = Self { tokens, positions, next: last + 1, pictures, starts, names: Vec::new() };
        prompt.names = prompt.page_names();
        Ok(prompt)
    }

    /// Tokens that stand for a picture.
    pub fn places(grid: Grid, merge: usize) -> usize {
        grid.patches() / (merge * merge)
    }

    /// The tokens.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The pictures, in order.
    pub fn pictures(&self) -> &[Arc<Pixels>] {
        &self.pictures
    }

    /// The first token of each picture.
    pub(crate) fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// The position of a token, or of one of an answer.
    pub fn position(&self, at: usize) -> Position {
        match self.positions.get(at) {
            Some(position) => *position,
            None => [self.next + (at - self.positions.len()) as u32; 3],
        }
    }

    /// A hash for each full page, of all up to its end: tokens, and pictures from their first token on.
    fn page_names(&self) -> Vec<Digest> {
        let mut names: Vec<Digest> = Vec::with_capacity(self.tokens.len() / PAGE);
        for (page, tokens) in self.tokens.chunks_exact(PAGE).enumerate() {
            let before = names.last().copied();
            let tokens: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
            let inside = page * PAGE..(page + 1) * PAGE;
            let pictures = self.starts.iter().zip(&self.pictures).filter(|(start, _)| inside.contains(start));
            let pictures: Vec<Digest> = pictures.map(|(_, picture)| picture.digest()).collect();
            let parts = before.iter().chain(&pictures).map(|digest| digest.as_bytes().as_slice());
            names.push(Digest::of_parts(parts.chain([tokens.as_slice()])));
        }
        names
    }
}

/// Positions of a picture's tokens, from left to right and down, after `next` positions.
fn picture_positions(grid: Grid, merge: usize, next: u32) -> impl Iterator<Item = Position> {
    let (height, width) = ((grid.height / merge) as u32, (grid.width / merge) as u32);
    (0..grid.frames as u32)
        .flat_map(move |t| (0..height).flat_map(move |y| (0..width).map(move |x| [next + t, next + y, next + x])))
}

/// A prompt and its answer so far, with the pages that hold what has been computed of them.
#[derive(Debug)]
pub struct Sequence {
    prompt: Arc<Prompt>,
    answer: Vec<u32>,
    pages: Vec<u32>,
    computed: usize,
    shared: usize,
}

impl Sequence {
    /// A prompt of which as much counts as computed as the cache has of its beginning, though never its last token: what
    /// comes after that is what is asked for.
    pub fn start(prompt: Arc<Prompt>, pages: &mut Pages) -> Self {
        let most = (prompt.tokens.len() - 1) / PAGE;
        let pages = pages.share(&prompt.names[..most.min(prompt.names.len())]);
        let computed = pages.len() * PAGE;
        Self { prompt, answer: Vec::new(), pages, computed, shared: computed }
    }

    /// The prompt.
    pub fn prompt(&self) -> &Arc<Prompt> {
        &self.prompt
    }

    /// The answer's tokens.
    pub fn answer(&self) -> &[u32] {
        &self.answer
    }

    /// Tokens of prompt and answer together.
    pub fn len(&self) -> usize {
        self.prompt.tokens.len() + self.answer.len()
    }

    /// Never: a prompt has a token at least.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Tokens that are not computed yet.
    pub fn pending(&self) -> usize {
        self.len() - self.computed
    }

    /// Tokens that are computed.
    pub fn computed(&self) -> usize {
        self.computed
    }

    /// Tokens that were found in the cache at the start.
    pub fn shared(&self) -> usize {
        self.shared
    }

    /// Pages that it holds.
    pub(crate) fn pages(&self) -> usize {
        self.pages.len()
    }

    /// The names of the prompt's full pages that are yet to be computed and could be shared.
    pub(crate) fn coming(&self) -> &[Digest] {
        let names = &self.prompt.names;
        // The page with the last token is never looked for.
        let most = ((self.prompt.tokens.len() - 1) / PAGE).min(names.len());
        names.get(self.computed / PAGE..most).unwrap_or_default()
    }

    /// A token of prompt or answer.
    pub(crate) fn token(&self, at: usize) -> u32 {
        let prompt = &self.prompt.tokens;
        prompt.get(at).copied().unwrap_or_else(|| self.answer[at - prompt.len()])
    }

    /// Adds a token to the answer.
    pub fn push(&mut self, token: u32) {
        self.answer.push(token);
    }

    /// Holds pages for `count` tokens more than are computed.
    ///
    /// # Errors
    /// [`ModelError::CacheFull`].
    pub(crate) fn reserve(&mut self, count: usize, pages: &mut Pages) -> Result<(), ModelError> {
        let wanted = (self.computed + count).div_ceil(PAGE);
        self.pages.extend(pages.claim(wanted.saturating_sub(self.pages.len()))?);
        Ok(())
    }

    /// Where the tokens up to `end` lie in the store.
    pub(crate) fn places(&self, end: usize) -> impl Iterator<Item = u32> + '_ {
        (0..end).map(|at| self.pages[at / PAGE] * PAGE as u32 + (at % PAGE) as u32)
    }

    /// Counts `more` tokens as computed, and makes full pages of the prompt known to other prompts.
    pub(crate) fn advance(&mut self, more: usize, pages: &mut Pages) {
        let before = self.computed / PAGE;
        self.computed += more;
        let full = self.computed / PAGE;
        for (name, page) in self.prompt.names.iter().zip(&self.pages).take(full).skip(before) {
            pages.name(*page, *name);
        }
    }

    /// Lets go of its pages, and gives the answer.
    pub fn finish(self, pages: &mut Pages) -> Vec<u32> {
        pages.release(&self.pages);
        self.answer
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{Architecture, TextShape, VisionShape};
    use super::*;

    const PICTURE: u32 = 9;

    fn configuration() -> Configuration {
        let text = TextShape {
            vocabulary: 10,
            width: 8,
            inner: 8,
            layers: 1,
            heads: 1,
            kv_heads: 1,
            head: 8,
            epsilon: 1e-6,
            theta: 1e4,
            sections: Some(vec![2, 1, 1]),
            context: 1000,
            bias: true,
            out_bias: false,
            head_norms: false,
            tied: true,
        };
        let vision = VisionShape {
            width: 8,
            inner: 8,
            layers: 1,
            heads: 1,
            channels: 3,
            patch: 14,
            frames: 2,
            merge: 2,
            window: 112,
            whole: vec![0],
            theta: 1e4,
            out: 8,
            picture_token: PICTURE,
        };
        Configuration { architecture: Architecture::Qwen25Vl, text, vision: Some(vision), end: vec![1] }
    }

    fn picture(height: usize, width: usize, number: f32) -> Arc<Pixels> {
        Arc::new(Pixels::new(Grid { frames: 1, height, width }, vec![number; height * width]))
    }

    fn prompt(tokens: &[u32], pictures: Vec<Arc<Pixels>>) -> Result<Prompt, ModelError> {
        Prompt::new(tokens.to_vec(), pictures, &configuration())
    }

    #[test]
    fn text_goes_on_after_the_longer_side_of_a_picture() {
        let prompt = prompt(&[1, 2, 9, 9, 9, 3], vec![picture(2, 6, 0.0)]).unwrap();
        let expected = [[0; 3], [1; 3], [2, 2, 2], [2, 2, 3], [2, 2, 4], [5; 3], [6; 3], [7; 3]];
        for (at, position) in expected.into_iter().enumerate() {
            assert_eq!(prompt.position(at), position, "{at}");
        }
    }

    #[test]
    fn pictures_must_fit_their_tokens() {
        let why = |tokens: &[u32], pictures| prompt(tokens, pictures).unwrap_err().to_string();
        assert!(why(&[1, 9, 1], vec![picture(2, 4, 0.0)]).contains("takes 2 tokens, and has 1"));
        assert!(why(&[1, 9, 9, 9], vec![picture(2, 4, 0.0)]).contains("token 3 stands for a picture"));
        assert!(why(&[1, 2], vec![picture(2, 2, 0.0)]).contains("1 pictures, and places for 0"));
        assert!(why(&[1, 10], vec![]).contains("token 10 is beyond"));
        assert!(why(&[], vec![]).contains("no tokens"));
        assert!(why(&[1; 1000], vec![]).contains("1000 tokens long"));
    }

    #[test]
    fn what_is_computed_is_shared_up_to_where_prompts_differ() {
        let tokens = |picture_at: usize| {
            let mut tokens = vec![1; 4 * PAGE];
            tokens[picture_at] = PICTURE;
            tokens
        };
        let mut pages = Pages::new(32);
        let at = PAGE + 5;
        let whole = Arc::new(prompt(&tokens(at), vec![picture(2, 2, 0.5)]).unwrap());
        let mut first = Sequence::start(whole.clone(), &mut pages);
        assert_eq!((first.shared(), first.pending()), (0, 4 * PAGE));
        first.reserve(4 * PAGE, &mut pages).unwrap();
        first.advance(2 * PAGE + 1, &mut pages);
        // Two pages are full; the third has a single token and is nobody else's.
        assert_eq!(Sequence::start(whole.clone(), &mut pages).shared(), 2 * PAGE);
        first.advance(2 * PAGE - 1, &mut pages);
        // The last token is always computed again.
        assert_eq!(Sequence::start(whole, &mut pages).shared(), 3 * PAGE);
        // Another picture in the same place: only what comes before its page is the same.
        let other = Arc::new(prompt(&tokens(at), vec![picture(2, 2, 0.25)]).unwrap());
        assert_eq!(Sequence::start(other, &mut pages).shared(), PAGE);
    }
}
