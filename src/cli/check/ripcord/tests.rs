//! Each way in which Ripcord can be out of reach, and what is said about it.

use super::super::finding::State;
use super::*;

fn page(status: u16, body: &str) -> Page {
    Page {
        status,
        date: None,
        body: body.as_bytes().to_vec(),
    }
}

fn facts(token: Token, delivery: Option<Result<Page, Unfetched>>) -> Facts {
    Facts {
        token,
        webhook: "http://127.0.0.1:9099".to_owned(),
        delivery,
        ready: Ok(page(
            200,
            "configuration: ok\nkubernetes: ok\nprometheus: ok\n",
        )),
    }
}

fn states(facts: &Facts) -> Vec<State> {
    judge(facts)
        .findings
        .iter()
        .map(|found| found.state)
        .collect()
}

#[test]
fn a_ripcord_that_takes_its_own_token_is_green() {
    let facts = facts(Token::There, Some(Ok(page(200, "{}"))));
    assert_eq!(states(&facts), [State::Fine; 3]);
}

#[test]
fn a_token_file_says_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    assert_eq!(
        read(&file).0,
        Token::Unreadable(file.clone(), std::io::ErrorKind::NotFound)
    );
    std::fs::write(&file, "\n \n").unwrap();
    assert_eq!(read(&file).0, Token::Empty(file.clone()));
    std::fs::write(&file, "x".repeat(20_000)).unwrap();
    assert_eq!(read(&file).0, Token::TooLarge(file.clone()));
    std::fs::write(&file, " secret\n").unwrap();
    assert_eq!(read(&file), (Token::There, Some("secret".to_owned())));
    for (token, says) in [
        (Token::Empty(file.clone()), "token is empty"),
        (
            Token::Unreadable(file, std::io::ErrorKind::NotFound),
            "does not exist here",
        ),
    ] {
        let judged = judge(&facts(token, None)).findings;
        assert_eq!(judged[0].state, State::Wrong);
        assert!(judged[0].problem.contains(says), "{}", judged[0].problem);
        assert!(judged[0].ways_out[0].contains("create secret"));
        assert_eq!(judged[1].state, State::Skipped);
    }
}

#[test]
fn answers_that_are_no_welcome_say_where_to_look() {
    for (status, section) in [
        (401, Section::Token),
        (503, Section::Token),
        (404, Section::Down),
    ] {
        let judged = judge(&facts(Token::There, Some(Ok(page(status, ""))))).findings;
        assert_eq!(judged[1].state, State::Wrong, "{status}");
        assert_eq!(judged[1].section, Some(section));
    }
    let away = facts(Token::There, Some(Err(Unfetched::Unreachable)));
    let judged = judge(&away).findings;
    assert_eq!(judged[1].state, State::Unknown);
    assert!(judged[1].ways_out[3].contains("--webhook-url"));
}

#[test]
fn an_old_configuration_in_force_and_a_ripcord_that_is_not_ready_are_told() {
    let mut facts = facts(Token::NotAsked, Some(Ok(page(200, "{}"))));
    facts.ready = Ok(page(
        503,
        "configuration: the one before is in force: line 3\nkubernetes: the CRD is missing\nprometheus: ok\n",
    ));
    let judged = judge(&facts).findings;
    let states: Vec<State> = judged.iter().map(|found| found.state).collect();
    assert_eq!(
        states,
        [State::Warning, State::Fine, State::Warning, State::Wrong]
    );
    assert!(judged[2].problem.contains("line 3"));
    assert_eq!(judged[3].problem, "kubernetes: the CRD is missing");
}

#[test]
fn an_address_for_all_is_asked_at_loopback() {
    for (listen, asked) in [
        ("0.0.0.0:9099", "http://127.0.0.1:9099"),
        ("[::]:9099", "http://[::1]:9099"),
        ("10.0.0.7:80", "http://10.0.0.7:80"),
    ] {
        assert_eq!(base(listen.parse().unwrap()), asked);
    }
    assert_eq!(
        base_of("http://ripcord:9099/api/v1/alerts/"),
        "http://ripcord:9099"
    );
}
