//! What the queue promises.

use super::*;

fn wait(request: u64, arrived: u64, entered: u64) -> Waiting {
    wait_as(Class::Normal, request, arrived, entered)
}

fn wait_as(class: Class, request: u64, arrived: u64, entered: u64) -> Waiting {
    let (arrived, entered) = (Time(arrived), Time(entered));
    Waiting { request: RequestId(request), class, arrived, entered }
}

fn order(queue: &Queue) -> Vec<u64> {
    queue.check();
    queue.iter().filter(|(_, owner)| owner.is_none()).map(|(wait, _)| wait.request.0).collect()
}

fn line(queue: &Queue, process: u64) -> Vec<u64> {
    queue.check();
    let process = Some(ProcessId(process));
    queue.iter().filter(|(_, owner)| *owner == process).map(|(wait, _)| wait.request.0).collect()
}

#[test]
fn requests_leave_in_the_order_in_which_they_came() {
    let mut queue = Queue::default();
    for request in 1..=3 {
        queue.push(wait(request, request, request));
    }
    assert_eq!(order(&queue), [1, 2, 3]);
    assert_eq!(queue.next(false), Some(wait(1, 1, 1)));
    assert_eq!(queue.next(true), Some(wait(3, 3, 3)));
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
    assert_eq!((queue.next(false), queue.first_entered()), (None, None));
    assert_eq!(queue.remove(RequestId(2)), None);
}

#[test]
fn a_retried_request_takes_its_old_place_and_a_new_patience() {
    let mut queue = Queue::default();
    queue.push(wait(1, 10, 10));
    queue.push(wait(4, 40, 40));
    queue.push_by_age(wait(3, 30, 50));
    queue.push_by_age(wait(2, 20, 51));
    queue.push_by_age(wait(5, 45, 52));
    assert_eq!(order(&queue), [1, 2, 3, 4, 5]);
    queue.remove(RequestId(1));
    queue.remove(RequestId(4));
    assert_eq!(queue.first_entered(), Some(&wait(3, 30, 50)));
}

#[test]
fn a_higher_class_goes_first_whatever_its_age() {
    let mut queue = Queue::default();
    queue.push(wait_as(Class::Low, 1, 1, 1));
    queue.push(wait_as(Class::Normal, 2, 2, 2));
    queue.push(wait_as(Class::High, 3, 3, 3));
    queue.push(wait_as(Class::Normal, 4, 4, 4));
    queue.push_by_age(wait_as(Class::Normal, 5, 0, 5));
    assert_eq!(order(&queue), [3, 5, 2, 4, 1]);
    assert_eq!(queue.first_entered(), Some(&wait_as(Class::Low, 1, 1, 1)));
    assert_eq!(queue.oldest_arrival(), Some(Time(0)));
    assert_eq!(queue.last_below(Class::High), Some(wait_as(Class::Low, 1, 1, 1)));
    queue.remove(RequestId(1));
    assert_eq!(queue.last_below(Class::High).map(|wait| wait.request), Some(RequestId(4)));
    assert_eq!(queue.last_below(Class::Normal), None);
}

#[test]
fn requests_are_shared_out_to_the_shortest_line() {
    let mut queue = Queue::default();
    queue.open_line(ProcessId(1));
    queue.open_line(ProcessId(2));
    for request in 1..=5 {
        queue.push(wait(request, request, request));
        queue.share_out();
    }
    assert_eq!((line(&queue, 1), line(&queue, 2)), (vec![1, 3, 5], vec![2, 4]));
    queue.remove(RequestId(1));
    queue.remove(RequestId(3));
    queue.push(wait(6, 6, 6));
    queue.share_out();
    assert_eq!((line(&queue, 1), line(&queue, 2)), (vec![5, 6], vec![2, 4]));
    assert!(queue.is_all_shared() != queue.waits_for(ProcessId(1)));
}

#[test]
fn a_line_that_closes_is_merged_into_the_others_by_age() {
    let mut queue = Queue::default();
    for process in 1..=3 {
        queue.open_line(ProcessId(process));
    }
    for request in 1..=9 {
        queue.push(wait(request, request, request));
        queue.share_out();
    }
    queue.close_line(ProcessId(2));
    assert_eq!(order(&queue), [2, 5, 8]);
    queue.share_out();
    assert_eq!((line(&queue, 1), line(&queue, 3)), (vec![1, 2, 4, 7, 8], vec![3, 5, 6, 9]));
    assert_eq!(queue.first_entered(), Some(&wait(1, 1, 1)), "patience does not start anew");
    queue.close_line(ProcessId(1));
    queue.close_line(ProcessId(3));
    assert_eq!(order(&queue), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn patience_ends_in_the_order_of_entry_whatever_the_age() {
    let mut queue = Queue::default();
    queue.push(wait(3, 30, 30));
    queue.push_by_age(wait(1, 10, 50));
    queue.push_by_age(wait(2, 20, 40));
    assert_eq!(order(&queue), [1, 2, 3]);
    for first in [3, 2, 1] {
        assert_eq!(queue.first_entered().map(|wait| wait.request.0), Some(first));
        queue.remove(RequestId(first));
    }
}
