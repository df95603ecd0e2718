//! Answers that cannot but parse: a grammar of the answer decides which tokens may come next (llguidance).

use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};
use llguidance::{Matcher, ParserFactory};
use tokenizers::Tokenizer;

use crate::rubric::{HIGHEST, LOWEST, Rubric};

/// A tokenizer as grammars see it. One serves all answers of a model.
pub struct Grammars {
    factory: ParserFactory,
}

/// An answer in the making.
pub struct Constraint {
    matcher: Matcher,
}

struct Words {
    tokenizer: Tokenizer,
    trie: TokTrie,
}

impl TokenizerEnv for Words {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        let encode = |text: &str| match self.tokenizer.encode_fast(text, false) {
            Ok(encoding) => encoding.get_ids().to_vec(),
            Err(_) => self.trie.greedy_tokenize(text.as_bytes()),
        };
        self.trie.tokenize_with_greedy_fallback(bytes, encode)
    }
}

impl Grammars {
    /// For a tokenizer of byte-level BPE, whose answers end with `end`.
    ///
    /// # Errors
    /// What llguidance says.
    pub fn new(tokenizer: &Tokenizer, end: u32) -> Result<Self, String> {
        let words = words(tokenizer);
        let mut info = TokRxInfo::new(words.len() as u32, end);
        info.tok_end_of_turn = Some(end);
        let trie = TokTrie::from(&info, &words);
        let environment: TokEnv = Arc::new(Words { tokenizer: tokenizer.clone(), trie });
        let mut factory = ParserFactory::new_simple(&environment).map_err(|error| format!("{error:#}"))?;
        factory.quiet();
        Ok(Self { factory })
    }

    /// The answers that a rubric asks for about a sample with so many pictures.
    ///
    /// # Errors
    /// What llguidance says.
    pub fn answer(&self, rubric: &Rubric, pictures: usize) -> Result<Constraint, String> {
        let pieces: Vec<String> = rubric
            .skeleton(pictures)
            .iter()
            .map(|piece| serde_json::to_string(piece).map_err(|error| error.to_string()))
            .collect::<Result<_, _>>()?;
        let grammar = format!("start: {}\nSCORE: /[{LOWEST}-{HIGHEST}]/\n", pieces.join(" SCORE "));
        self.lark(grammar)
    }

    fn lark(&self, grammar: String) -> Result<Constraint, String> {
        let parser = self.factory.create_parser(TopLevelGrammar::from_lark(grammar));
        let matcher = Matcher::new(parser);
        match matcher.get_error() {
            Some(error) => Err(error),
            None => Ok(Constraint { matcher }),
        }
    }
}

impl Constraint {
    /// Tokens that must come next, whatever the model says; they count as come.
    pub fn forced(&mut self) -> Vec<u32> {
        self.matcher.consume_ff_tokens()
    }

    /// Whether the answer is complete.
    pub fn is_complete(&self) -> bool {
        self.matcher.is_stopped()
    }

    /// The likeliest token that may come next; it counts as come.
    ///
    /// # Errors
    /// What llguidance says, which it never should.
    pub fn next(&mut self, scores: &[f32]) -> Result<u32, String> {
        let mask = self.matcher.compute_mask_or_eos().map_err(|error| format!("{error:#}"))?;
        let allowed =
            (0_u32..).zip(scores).filter(|(token, _)| (*token as usize) < mask.len() && mask.is_allowed(*token));
        let best = allowed.max_by(|one, other| one.1.total_cmp(other.1)).map(|(token, _)| token);
        let token = best.ok_or_else(|| "the grammar lets no token through".to_owned())?;
        self.matcher.consume_token(token).map_err(|error| format!("{error:#}"))?;
        Ok(token)
    }
}

/// What each token stands for, in bytes; behind a mark where it is control.
fn words(tokenizer: &Tokenizer) -> Vec<Vec<u8>> {
    let added = tokenizer.get_added_tokens_decoder();
    let count = tokenizer.get_vocab(true).values().max().map_or(0, |last| *last as usize + 1);
    let letters = byte_letters();
    let word = |token: u32| match (added.get(&token), tokenizer.id_to_token(token)) {
        (Some(added), _) if added.special => [&[TokTrie::SPECIAL_TOKEN_MARKER], added.content.as_bytes()].concat(),
        (Some(added), _) => added.content.as_bytes().to_vec(),
        (None, Some(text)) => text
            .chars()
            .filter_map(|letter| letters.iter().position(|one| *one == letter))
            .map(|byte| byte as u8)
            .collect(),
        (None, None) => Vec::new(),
    };
    (0..count as u32).map(word).collect()
}

/// The letter that stands for each byte in byte-level BPE (GPT-2's): printable bytes for themselves, the others in order
/// from U+0100 on.
fn byte_letters() -> Vec<char> {
    let mut next = 0x100;
    let letter = |byte: u8| match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => char::from(byte),
        _ => {
            next += 1;
            char::from_u32(next - 1).unwrap_or_default()
        }
    };
    (0..=255).map(letter).collect()
}
