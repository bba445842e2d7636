//! What the guard promises is shown without Python: it holds no Python object.

#[path = "../src/guard.rs"]
mod guard;

use guard::Guard;

#[test]
fn a_panic_is_an_error_for_its_caller_and_for_everybody_after() {
    let numbers = Guard::new(vec![1]);
    let first = numbers.with(|numbers| {
        numbers.push(2);
        panic!("halfway through {}", numbers.len());
    });
    assert_eq!(first, Err::<(), _>("halfway through 2".to_owned()));
    assert_eq!(
        numbers.with(|numbers| numbers.len()),
        Err("halfway through 2".to_owned())
    );
}

#[test]
fn a_new_value_makes_it_good_again() {
    let number = Guard::new(1);
    let panicked: Result<(), String> = number.with(|_| panic!("constant words"));
    assert_eq!(panicked, Err("constant words".to_owned()));
    number.replace(7);
    assert_eq!(number.with(|number| *number), Ok(7));
}

#[test]
fn a_panic_without_words_is_still_an_error() {
    let number = Guard::new(1);
    let panicked: Result<(), String> = number.with(|_| std::panic::panic_any(5));
    assert_eq!(panicked, Err("no message".to_owned()));
}
