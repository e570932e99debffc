#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
use super::*;
use futures::future::join_all;
use std::time::Duration;

/// A port for one kind of question, which writes down what it was asked: it answers with the names themselves, after a while.
#[derive(Default)]
struct Port {
    asked: Mutex<Vec<Vec<String>>>,
    /// A question with this name in it is answered so.
    refused: Option<(&'static str, Unanswered)>,
}

impl Port {
    async fn answer(&self, names: Vec<String>) -> Result<Vec<String>, Unanswered> {
        locked(&self.asked).push(names.clone());
        tokio::time::sleep(Duration::from_millis(5)).await;
        match self.refused {
            Some((name, unanswered)) if names.iter().any(|one| one == name) => Err(unanswered),
            _ => Ok(names),
        }
    }

    fn asked(&self) -> Vec<usize> {
        locked(&self.asked).iter().map(Vec::len).collect()
    }
}

fn names(count: usize) -> Vec<Vec<String>> {
    (0..count)
        .map(|one| vec![format!("pod-{one:03}")])
        .collect()
}

async fn all(
    desks: &Desks<&'static str, String, Vec<String>>,
    port: &Port,
    names: &[Vec<String>],
) -> Vec<Result<Vec<String>, Unanswered>> {
    let questions = names
        .iter()
        .map(|names| desks.ask("shop", names, |names| port.answer(names)));
    join_all(questions).await
}

#[tokio::test(start_paused = true)]
async fn what_is_due_to_one_name_is_told_to_that_one_alone() {
    let desks = Desks::new(500);
    let port = Port {
        refused: Some(("pod-002", Unanswered::Ambiguous("pod"))),
        ..Port::default()
    };
    let answers = all(&desks, &port, &names(4)).await;
    assert_eq!(answers[2], Err(Unanswered::Ambiguous("pod")));
    for (number, answer) in answers
        .iter()
        .enumerate()
        .filter(|(number, _)| *number != 2)
    {
        assert!(answer.is_ok(), "{number}: {answer:?}");
    }
    // the first, the three others together, and each of these once more by itself
    assert_eq!(port.asked(), [1, 3, 1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_prometheus_that_is_away_is_not_asked_again_for_each() {
    let desks = Desks::new(500);
    let port = Port {
        refused: Some(("pod-002", Unanswered::Unreachable)),
        ..Port::default()
    };
    let answers = all(&desks, &port, &names(4)).await;
    assert_eq!(answers[1..], [const { Err(Unanswered::Unreachable) }; 3]);
    assert_eq!(port.asked(), [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_lone_question_that_fails_is_asked_once() {
    let desks = Desks::new(500);
    let port = Port {
        refused: Some(("pod-000", Unanswered::TooLarge)),
        ..Port::default()
    };
    assert_eq!(
        all(&desks, &port, &names(1)).await,
        [Err(Unanswered::TooLarge)]
    );
    assert_eq!(port.asked(), [1]);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_in_the_middle_of_asking_leaves_nobody_without_an_answer() {
    let desks = Desks::new(500);
    let port = Port::default();
    let names = names(3);
    let leaver = tokio::time::timeout(
        Duration::from_millis(1),
        desks.ask("shop", &names[0], |names| port.answer(names)),
    );
    let (left, stayed) = tokio::join!(leaver, all(&desks, &port, &names[1..]));
    assert!(left.is_err(), "it has left");
    for (answer, names) in stayed.iter().zip(&names[1..]) {
        assert!(
            names
                .iter()
                .all(|name| answer.as_ref().unwrap().contains(name))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn two_hundred_at_once_cost_two_questions() {
    let desks = Desks::new(500);
    let port = Port::default();
    let names = names(200);
    let answers = all(&desks, &port, &names).await;
    assert_eq!(port.asked(), [1, 199]);
    for (answer, names) in answers.iter().zip(&names) {
        assert!(answer.as_ref().unwrap().contains(&names[0]));
    }
    tokio::time::sleep(PAUSE).await;
    let mall = ["pod".to_owned()];
    let answer = desks.ask("mall", &mall, |names| port.answer(names)).await;
    assert_eq!(answer, Ok(mall.to_vec()));
    assert_eq!(locked(&desks.open).len(), 1, "of the other nothing is kept");
}

#[tokio::test(start_paused = true)]
async fn more_names_than_fit_are_asked_in_several_questions() {
    let desks = Desks::new(20);
    let port = Port::default();
    let answers = all(&desks, &port, &names(50)).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(port.asked(), [1, 20, 20, 9]);
}

#[tokio::test(start_paused = true)]
async fn what_lasts_is_asked_once_a_moment_for_all_who_ask_the_same() {
    let desks = Desks::lasting(500);
    let port = Port::default();
    let same = vec![vec!["node".to_owned()]; 3];
    let answers = all(&desks, &port, &same).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(port.asked(), [1]);
    tokio::time::sleep(PAUSE).await;
    all(&desks, &port, &same).await;
    assert_eq!(port.asked(), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_alone_never_waits() {
    let desks = Desks::new(500);
    let port = Port::default();
    let begun = tokio::time::Instant::now();
    for _ in 0..3 {
        all(&desks, &port, &names(1)).await;
    }
    assert_eq!(begun.elapsed(), Duration::from_millis(15));
    let other = ["other".to_owned()];
    let ask = desks.ask("shop", &other, |names| port.answer(names));
    assert!(ask.await.is_ok());
    // the third question went out after ten milliseconds
    assert_eq!(begun.elapsed(), Duration::from_millis(10 + 1_000 + 5));
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_one_question_is_asked_at_the_same_time() {
    let desks = Desks::new(500);
    let port = Port::default();
    let begun = tokio::time::Instant::now();
    let name = ["pod".to_owned()];
    let (shop, mall) = tokio::join!(
        desks.ask("shop", &name, |names| port.answer(names)),
        desks.ask("mall", &name, |names| port.answer(names)),
    );
    assert!(shop.is_ok() && mall.is_ok());
    assert_eq!(begun.elapsed(), Duration::from_millis(5));
}
