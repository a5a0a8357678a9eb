//! Stories about probes.

use maitred_engine::event::Input;
use maitred_engine::id::ProcessId;
use maitred_engine::limits::PoolLimits;
use maitred_engine::time::Time;
use tokio::runtime::Handle;

use super::*;
use crate::driver::Driver;
use crate::supervise::tests::driver;

fn vitals(driver: &Arc<Driver>) -> Vitals {
    Vitals::new(Arc::clone(driver), Handle::current(), Duration::from_secs(10))
}

async fn get(vitals: &Vitals, path: &str) -> (u16, String) {
    let answer = answer(vitals, &Method::GET, path).await;
    (answer.status.as_u16(), answer.text)
}

#[tokio::test]
async fn a_core_lives_before_it_is_ready_and_after() {
    let (driver, _orders) = driver(PoolLimits::default());
    let vitals = vitals(&driver);
    let booting = "booting: no process of the app has ever been ready".to_owned();
    assert_eq!(get(&vitals, "/ready").await, (503, booting));
    assert_eq!(get(&vitals, "/health").await, (200, "healthy".to_owned()));
    driver.process(Input::Spawned { process: ProcessId(1), pid: 1 });
    driver.process(Input::Hello { process: ProcessId(1), slots: 1 });
    assert_eq!(get(&vitals, "/ready").await, (200, "ready".to_owned()));
    driver.process(Input::Leaving { stop_at: Time::NEVER });
    let draining = "draining: the server is shutting down".to_owned();
    assert_eq!(get(&vitals, "/ready").await, (503, draining));
    assert_eq!(get(&vitals, "/health").await, (200, "healthy".to_owned()));
}

#[tokio::test]
async fn who_is_told_to_leave_is_not_ready_although_it_still_serves() {
    let (driver, _orders) = driver(PoolLimits::default());
    driver.told_to_leave.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(vitals(&driver).ready().map_err(|why| why.word()), Err("draining"));
}

#[tokio::test]
async fn nothing_else_is_there_and_nothing_can_be_changed() {
    let (driver, _orders) = driver(PoolLimits::default());
    let vitals = vitals(&driver);
    assert_eq!(get(&vitals, "/").await.0, 404);
    let later = "metrics are not available in this version".to_owned();
    assert_eq!(get(&vitals, "/metrics").await, (404, later));
    let answer = answer(&vitals, &Method::POST, "/ready").await.response();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers()[ALLOW], "GET, HEAD");
}
