//! Long words that no person would write: keys and tokens that stand alone, told from names, hashes and paths that a diagnosis needs.

use crate::domain::image::ImageRef;
use std::collections::BTreeMap;

/// Shorter words are never taken for secrets: a pod's suffix, a template's hash and most names are shorter.
const SHORTEST: usize = 24;

/// A path's parts are shorter; the parts between the slashes of a base64 text are longer.
const LONGEST_PATH_PART: usize = 12;

/// Whether the characters from `start` to `end` of a text are a secret by their look alone.
pub(super) fn looks_secret(text: &str, start: usize, end: usize) -> bool {
    let (Some(before), Some(word)) = (text.get(..start), text.get(start..end)) else {
        return true;
    };
    if is_uid(word) || is_known_hash(before, word) || is_image_tag(text, start, end) {
        return false;
    }
    let parts = word.split('/').count();
    if word.len() / parts < LONGEST_PATH_PART && !word.contains(['+', '=']) {
        return word.split('/').any(is_secret_token);
    }
    // One digit is enough where the word is no path and yet has a slash: base64 again.
    let is_base64 = word.contains(['/', '+']) && !before.ends_with('/') && !one_case(word);
    is_secret_token(word)
        || (is_base64 && word.contains(|character: char| character.is_ascii_digit()))
}

/// `6ff91bfe-1f5e-47fb-9718-f325d926ff4c`: objects are named by uids, and a uid opens nothing.
fn is_uid(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12] && parts.iter().all(|part| is_hexadecimal(part))
}

/// A digest or a container's id, by the words in front of it.
fn is_known_hash(before: &str, word: &str) -> bool {
    word.len() <= 64
        && is_hexadecimal(word)
        && ["sha256:", "containerd://", "cri-o://", "docker://"]
            .iter()
            .any(|prefix| before.ends_with(prefix))
}

/// The tag of an image reference. Tags are often commit hashes; one in mixed case with digits is none and is judged like any word.
fn is_image_tag(text: &str, start: usize, end: usize) -> bool {
    let is_edge =
        |character: char| character.is_whitespace() || "\"'`<>()[]{},;".contains(character);
    let (Some(before), Some(after), Some(tag)) =
        (text.get(..start), text.get(end..), text.get(start..end))
    else {
        return false;
    };
    let head = before.rsplit(is_edge).next().unwrap_or_default();
    let tail = after.split(is_edge).next().unwrap_or_default();
    let word = format!("{head}{tag}{tail}");
    let word = word.trim_end_matches(['.', ':', '…']);
    let said_to_be_one = before.strip_suffix(head).is_some_and(|lead| {
        lead.trim_end_matches(['"', '\'', ' ', ':', '='])
            .ends_with("image")
    });
    head.ends_with(':')
        && one_case(tag)
        && (head.contains('/') || said_to_be_one)
        && ImageRef::parse(word).is_ok()
}

fn is_secret_token(word: &str) -> bool {
    if one_case(word) {
        return word
            .split(['-', '_', '~', '+', '='])
            .any(is_secret_in_one_case);
    }
    is_secret_in_mixed_case(word)
}

/// Hexadecimal keys and the like. Names of pods and nodes are in one case too, but their parts are short.
fn is_secret_in_one_case(part: &str) -> bool {
    let digits = count(part, |character| character.is_ascii_digit());
    let letters = count(part, |character| character.is_ascii_alphabetic());
    // 24 random hexadecimal digits carry about 3.4 bits each.
    part.len() >= SHORTEST && digits >= 3 && letters >= 3 && bits_per_character(part) >= 3.0
}

/// base64 and the like. Names of classes and build labels are in mixed case too, but they are made of words.
fn is_secret_in_mixed_case(word: &str) -> bool {
    const LONGEST_WORD: usize = 12;
    if word.len() < SHORTEST || word.split(['-', '_']).all(|part| part.len() < LONGEST_WORD) {
        return false;
    }
    let digits = count(word, |character| character.is_ascii_digit());
    // In random letters every fourth pair rises from lower to upper case; in words written together every sixth or eighth.
    let rises = word
        .chars()
        .zip(word.chars().skip(1))
        .filter(|(left, right)| left.is_ascii_lowercase() && right.is_ascii_uppercase())
        .count();
    // 24 random base64 characters carry about 4.2 bits each.
    bits_per_character(word) >= 3.5 && (digits >= 2 || rises * 5 >= word.len())
}

fn one_case(word: &str) -> bool {
    let has = |is: fn(&char) -> bool| word.chars().any(|character| is(&character));
    !(has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase))
}

fn is_hexadecimal(word: &str) -> bool {
    word.chars()
        .all(|character| matches!(character, '0'..='9' | 'a'..='f'))
}

fn count(word: &str, is: fn(char) -> bool) -> usize {
    word.chars().filter(|character| is(*character)).count()
}

/// Shannon's entropy of the word's own characters.
fn bits_per_character(word: &str) -> f64 {
    let mut counts: BTreeMap<char, u32> = BTreeMap::new();
    for character in word.chars() {
        *counts.entry(character).or_default() += 1;
    }
    let total = f64::from(counts.values().sum::<u32>());
    counts
        .into_values()
        .map(|count| f64::from(count) / total)
        .map(|share| -share * share.log2())
        .sum()
}
