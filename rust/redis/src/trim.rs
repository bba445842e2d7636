//! A script's text without what a server would only read past: comments, and functions that nobody in it calls.
//!
//! A server runs all of a script at each call, so a sentence that is shared, but not spoken, would still be paid for.

use std::collections::BTreeSet;

/// A function of the outermost level with all its lines, or one line.
struct Part<'a> {
    function: Option<&'a str>,
    lines: Vec<&'a str>,
}

/// The text without comments of their own lines, and without functions of the outermost level that are never named.
pub(crate) fn trim(text: &str) -> String {
    let mut parts = parts(text);
    loop {
        let called: BTreeSet<&str> = parts.iter().flat_map(named).collect();
        let before = parts.len();
        parts.retain(|part| part.function.is_none_or(|name| called.contains(name)));
        if parts.len() == before {
            break;
        }
    }
    let lines = parts.iter().flat_map(|part| &part.lines);
    lines.fold(String::new(), |text, line| text + line + "\n")
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    let mut is_inside = false;
    let is_code = |line: &&str| !line.is_empty() && !line.trim_start().starts_with("--");
    for line in text.lines().filter(is_code) {
        if is_inside && let Some(part) = parts.last_mut() {
            part.lines.push(line);
            is_inside = line != "end";
            continue;
        }
        let function = line
            .strip_prefix("local function ")
            .and_then(|rest| rest.split_once('('))
            .map(|(name, _)| name);
        is_inside = function.is_some() && !line.ends_with(" end");
        parts.push(Part {
            function,
            lines: vec![line],
        });
    }
    parts
}

/// The names in a part, but a function's own.
fn named<'a>(part: &Part<'a>) -> Vec<&'a str> {
    let is_of_a_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = part
        .lines
        .iter()
        .flat_map(|line| line.split(|letter| !is_of_a_name(letter)));
    words.filter(|word| Some(*word) != part.function).collect()
}

#[cfg(test)]
mod tests {
    use super::trim;

    #[test]
    fn comments_and_functions_that_nobody_calls_go() {
        let text = "\
-- A comment.
local LIMIT = 5

local function twice(number)
  -- Another.
  return number + number
end
local function four_times(number)
  return twice(twice(number))
end
local function unused(number)
  return four_times(number)
end
return twice(LIMIT)
";
        let trimmed = "\
local LIMIT = 5
local function twice(number)
  return number + number
end
return twice(LIMIT)
";
        assert_eq!(trim(text), trimmed);
    }

    #[test]
    fn what_one_function_alone_calls_stays_while_that_one_does() {
        let text = "local function a()\n  return 1\nend\nlocal function b()\n  return a()\nend\nreturn b()\n";
        assert_eq!(trim(text), text);
    }
}
