//! Many workloads that fail at once: what the API server and Prometheus are asked grows with the workloads, not with their alerts, and Prometheus
//! is asked together.

use super::lab::{Lab, NAMESPACE, shop_name};
use serde_json::Value;
use std::collections::BTreeMap;

/// What it took until every incident was decided.
struct Cost {
    requests: BTreeMap<String, u64>,
    questions: BTreeMap<&'static str, u64>,
}

impl Cost {
    fn requests(&self) -> u64 {
        self.requests.values().sum()
    }

    fn questions(&self) -> u64 {
        self.questions.values().sum()
    }
}

/// So many shops break at once, and so many alerts come about each; half a minute later all are diagnosed.
#[allow(clippy::print_stdout)] // figures for people, with --nocapture
async fn burst(shops: usize, alerts: usize) -> Cost {
    let lab = Lab::shops(shops).await;
    lab.break_shops(shops);
    lab.advance(60).await;
    let (requests, questions) = (lab.requests(), lab.asked());
    let begun = std::time::Instant::now();
    for alert in 0..alerts {
        for shop in 0..shops {
            let fingerprint = format!("{alert:08x}{shop:08x}");
            assert_eq!(lab.alert_with(&shop_name(shop), &fingerprint).await, 200);
        }
        // Between two looks: a join that comes into the middle of one costs that look once more, however many come.
        lab.advance(2).await;
    }
    lab.advance(30).await;
    let took = begun.elapsed();
    let incidents = lab.world.objects("Incident", NAMESPACE);
    assert_eq!(incidents.len(), shops);
    for incident in &incidents {
        let cause = incident.pointer("/status/diagnosis/0/cause");
        assert_eq!(cause, Some(&Value::from("ImageNotFound")), "{incident:#}");
    }
    let cost = Cost {
        requests: since(lab.requests(), &requests),
        questions: since(lab.asked(), &questions),
    };
    println!(
        "{shops} workloads, {alerts} alert(s) each: {} requests to the API server ({} a workload), {} questions to Prometheus; {:.2} s of this machine's time, the simulated cluster's own in it",
        cost.requests(),
        cost.requests().div_ceil(shops as u64),
        cost.questions(),
        took.as_secs_f64(),
    );
    println!("  {:?}\n  {:?}", cost.requests, cost.questions);
    lab.stop().await;
    cost
}

fn since<K: Ord + Clone>(now: BTreeMap<K, u64>, before: &BTreeMap<K, u64>) -> BTreeMap<K, u64> {
    now.into_iter()
        .map(|(name, count)| {
            let earlier = before.get(&name).copied().unwrap_or(0);
            (name, count - earlier)
        })
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn more_alerts_about_one_workload_cost_a_join_and_no_diagnosis() {
    let (once, thrice) = (burst(10, 1).await, burst(10, 3).await);
    assert_eq!(once.questions(), thrice.questions());
    // To find the workload and its incidents, and to write that it joined.
    let more = thrice.requests() - once.requests();
    assert_eq!(more, 20 * 3, "for 20 alerts more");
}

#[tokio::test(start_paused = true)]
async fn what_two_hundred_workloads_cost_grows_with_them_and_prometheus_is_asked_together() {
    let (one, many) = (burst(1, 1).await, burst(200, 1).await);
    let each = many.requests().div_ceil(200);
    assert!(
        each <= one.requests(),
        "{each} requests for one of 200, {} for one alone",
        one.requests()
    );
    assert!(
        many.questions() <= 200,
        "less than one question a workload, not {}",
        many.questions()
    );
}
