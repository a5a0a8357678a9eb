//! What the queue promises.

use super::*;

fn wait(request: u64, arrived: u64, entered: u64) -> Waiting {
    Waiting { request: RequestId(request), arrived: Time(arrived), entered: Time(entered) }
}

fn order(queue: &Queue) -> Vec<u64> {
    queue.check();
    queue.iter().map(|wait| wait.request.0).collect()
}

#[test]
fn requests_leave_in_the_order_in_which_they_came() {
    let mut queue = Queue::default();
    for request in 1..=3 {
        queue.push(wait(request, request, request));
    }
    assert_eq!(order(&queue), [1, 2, 3]);
    assert_eq!(queue.oldest(), Some(wait(1, 1, 1)));
}

#[test]
fn a_request_can_leave_from_anywhere() {
    let mut queue = Queue::default();
    for request in 1..=4 {
        queue.push(wait(request, request, request));
    }
    for (leaves, rest) in [(2, vec![1, 3, 4]), (4, vec![1, 3]), (1, vec![3]), (3, vec![])] {
        assert_eq!(queue.remove(RequestId(leaves)).map(|wait| wait.request.0), Some(leaves));
        assert_eq!(order(&queue), rest);
    }
    assert_eq!((queue.oldest(), queue.first_entered()), (None, None));
    assert_eq!(queue.remove(RequestId(2)), None);
}

#[test]
fn a_retried_request_takes_its_old_place_and_a_new_patience() {
    let mut queue = Queue::default();
    queue.push(wait(1, 10, 10));
    queue.push(wait(4, 40, 40));
    queue.push_back_by_age(wait(3, 30, 50));
    queue.push_back_by_age(wait(2, 20, 51));
    queue.push_back_by_age(wait(5, 45, 52));
    assert_eq!(order(&queue), [1, 2, 3, 4, 5]);
    queue.remove(RequestId(1));
    queue.remove(RequestId(4));
    assert_eq!(queue.first_entered(), Some(wait(3, 30, 50)));
}
