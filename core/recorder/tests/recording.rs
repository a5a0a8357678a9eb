//! What a recorder wrote is read and replayed, or refused in clear words.

use std::collections::BTreeSet;

use maitred_engine::Engine;
use maitred_engine::event::{ExitStatus, Input, Output, Traits};
use maitred_engine::id::{PoolId, ProcessId, RequestId, SlotId};
use maitred_engine::limits::PoolLimits;
use maitred_engine::time::Time;
use maitred_recorder::{Divergence, FORMAT, ReadError, Recorder, Recording, Verdict};

const POOL: PoolId = PoolId(1);
const VERSION: &str = "1.2.3";

/// A small world that drives an engine: requests come and are served, processes die.
struct World {
    engine: Engine,
    recorder: Recorder,
    dice: u64,
    now: u64,
    requests: u64,
    running: BTreeSet<SlotId>,
}

impl World {
    fn new(segment_bytes: usize) -> Self {
        let mut world = Self {
            engine: Engine::new(),
            recorder: Recorder::with_segments_of(segment_bytes),
            dice: 1,
            now: 0,
            requests: 0,
            running: BTreeSet::new(),
        };
        let limits = PoolLimits { processes: 3, queue_len_max: 20, ..PoolLimits::default() };
        world.tell(Input::PoolAdded { pool: POOL, limits: Box::new(limits) });
        world
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.dice >> 33) % sides
    }

    fn tell(&mut self, input: Input) {
        self.recorder.input(&self.engine, Time(self.now), &input);
        self.engine.handle(Time(self.now), input);
        self.recorder.outputs(&self.engine);
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Dispatch { slot, .. } => drop(self.running.insert(slot)),
                Output::Spawn { process, .. } => self.tell(Input::Hello { process, slots: 2 }),
                _ => {}
            }
        }
    }

    fn step(&mut self) {
        self.now += 1 + self.roll(40_000_000);
        match self.roll(20) {
            0 => {
                let process = ProcessId(1 + self.roll(40));
                self.running.retain(|slot| slot.process != process);
                self.tell(Input::LinkLost { process, unstarted: vec![0] });
                self.tell(Input::Exited { process, status: ExitStatus::Signal(9) });
            }
            1 => {
                let request = RequestId(self.roll(self.requests + 1));
                self.tell(Input::ClientGone { request });
            }
            2 => self.tell(Input::Tick),
            3..10 => {
                self.requests += 1;
                let traits = Traits { idempotent: true, body_held: true, ..Traits::default() };
                let request = RequestId(self.requests);
                self.tell(Input::Arrived { request, pool: POOL, traits });
            }
            _ => {
                let Some(slot) = self.running.pop_first() else { return };
                self.tell(Input::ResponseStarted { slot });
                self.tell(Input::ResponseComplete { slot });
                self.tell(Input::Ready { slot });
                let request = RequestId(self.roll(self.requests + 1));
                self.tell(Input::Delivered { request });
            }
        }
    }

    fn file(&mut self) -> Vec<u8> {
        self.recorder.tape().into_file(VERSION).concat()
    }

    fn recording(&mut self) -> Recording {
        Recording::read(&self.file()).expect("what was just written")
    }
}

fn lived(segment_bytes: usize, steps: u64) -> World {
    let mut world = World::new(segment_bytes);
    (0..steps).for_each(|_| world.step());
    world
}

/// The place of the first segment's head in a file of [`VERSION`].
const HEAD: usize = 8 + 2 + 1 + VERSION.len() + 4 + 1;

#[test]
fn a_recording_replays_bit_for_bit_wherever_it_is_taken() {
    let mut world = World::new(1_500);
    for step in 0..2_000 {
        world.step();
        if step % 37 == 0 {
            let recording = world.recording();
            let inputs = recording.segments.iter().map(|segment| segment.entries.len()).sum();
            assert_eq!(recording.verify(), Ok(inputs), "after {step} steps");
            assert_eq!(recording.version, VERSION);
        }
    }
    assert_eq!(world.recording().segments.len(), 2);
}

#[test]
fn a_replay_ends_in_the_state_of_the_engine() {
    let mut world = lived(2_000, 500);
    let recording = world.recording();
    let mut replay = recording.segments.last().unwrap().replay();
    let steps = replay.by_ref().inspect(|step| assert_eq!(step.verdict, Verdict::Same)).count();
    assert!(steps > 10, "{steps}");
    replay.engine().check_invariants();
    let now = Time(world.now);
    assert_eq!(replay.engine().snapshot(now), world.engine.snapshot(now));
}

#[test]
fn there_is_always_a_whole_segment_of_the_past_and_never_more_than_two() {
    let mut world = World::new(1_000);
    let mut written = 0;
    for _ in 0..1_000 {
        world.step();
        let entries = world.recording().segments.iter().map(|it| it.entries.len()).sum::<usize>();
        let bytes = world.file().len();
        // Two segments, two states of some KB.
        assert!(bytes < 16_000, "{bytes} bytes");
        written = entries.max(written);
        assert!(written < 60 || entries >= 60, "only {entries} inputs are left");
    }
}

#[test]
fn an_input_that_broke_the_engine_is_the_last_one_of_the_recording() {
    let mut world = lived(100_000, 50);
    let fatal = Input::ClientGone { request: RequestId(77) };
    world.recorder.input(&world.engine, Time(world.now), &fatal);
    let recording = world.recording();
    let last = recording.segments[0].entries.last().unwrap();
    assert_eq!((&last.input, last.sum), (&fatal, None));
    let steps: Vec<_> = recording.segments[0].replay().map(|step| step.verdict).collect();
    assert_eq!(steps.last(), Some(&Verdict::Unknown));
    assert!(recording.verify().is_ok());
}

#[test]
fn outputs_that_are_not_those_of_the_recording_are_named() {
    let mut world = lived(100_000, 50);
    let mut recording = world.recording();
    let entries = &mut recording.segments[0].entries;
    let place = entries.iter().position(|entry| matches!(entry.input, Input::Arrived { .. }));
    let place = place.unwrap();
    entries[place].input = Input::Tick;
    let different = Divergence::Outputs { segment: 1, entry: place + 1, outputs: Vec::new() };
    assert_eq!(recording.verify(), Err(different));
    // One wrong output shows in all that follow.
    let verdicts: Vec<_> = recording.segments[0].replay().map(|step| step.verdict).collect();
    assert!(verdicts[..place].iter().all(|verdict| *verdict == Verdict::Same));
    assert!(verdicts[place..].iter().all(|verdict| *verdict == Verdict::Differs));
}

#[test]
fn a_state_that_does_not_follow_from_the_one_before_is_named() {
    let mut world = lived(1_000, 500);
    let mut recording = world.recording();
    recording.segments[0].entries.pop();
    assert_eq!(recording.verify(), Err(Divergence::State { segment: 2 }));
}

#[test]
fn tapes_taken_earlier_stay_as_they_were() {
    let mut world = lived(3_000, 100);
    let early = world.recorder.tape();
    let file = early.clone().into_file(VERSION).concat();
    (0..500).for_each(|_| world.step());
    assert_eq!(early.into_file(VERSION).concat(), file);
}

#[test]
fn nothing_recorded_is_an_empty_recording() {
    let file = Recorder::new().tape().into_file(VERSION).concat();
    let recording = Recording::read(&file).unwrap();
    assert!(recording.segments.is_empty());
    assert_eq!(recording.verify(), Ok(0));
}

#[test]
fn something_else_is_not_a_recording() {
    for file in [&b""[..], b"maitre", b"\x7fELF, and so on", b"{\"maitred\": 1}"] {
        assert_eq!(Recording::read(file).unwrap_err(), ReadError::Foreign);
    }
}

#[test]
fn a_recording_that_is_cut_anywhere_is_refused() {
    let file = lived(1_000, 200).file();
    for length in 8..file.len() {
        assert_eq!(Recording::read(&file[..length]).unwrap_err(), ReadError::Short, "{length}");
    }
    let longer = [file.as_slice(), b"x"].concat();
    assert_eq!(Recording::read(&longer).unwrap_err(), ReadError::Long);
}

#[test]
fn a_recording_with_a_damaged_byte_is_refused() {
    let file = lived(1_000, 200).file();
    for place in HEAD..file.len() {
        let mut damaged = file.clone();
        damaged[place] ^= 0x10;
        let error = Recording::read(&damaged).unwrap_err();
        assert!(matches!(error, ReadError::Damaged(_) | ReadError::Short), "{place}: {error}");
    }
}

#[test]
fn a_recording_of_another_format_says_which_version_reads_it() {
    let mut file = lived(1_000, 20).file();
    file[8] += 1;
    let error = Recording::read(&file).unwrap_err();
    assert_eq!(error, ReadError::Format { found: FORMAT + 1, version: VERSION.to_owned() });
    assert!(error.to_string().contains("made by maitred 1.2.3"), "{error}");
}

#[test]
fn states_of_another_format_are_refused_by_number() {
    let mut file = lived(1_000, 20).file();
    file[HEAD - 5] += 1;
    let error = Recording::read(&file).unwrap_err();
    assert!(matches!(&error, ReadError::State { version, .. } if version == VERSION), "{error}");
}

#[test]
fn whole_bytes_that_mean_nothing_here_come_from_another_build() {
    // One segment whose state is one byte that no engine begins with.
    let mut file = World::new(1_000).file();
    file.truncate(HEAD);
    let state = [0xff_u8; 3];
    file.extend(3_u64.to_le_bytes());
    file.extend(0_u64.to_le_bytes());
    file.extend(crc32fast::hash(&state).to_le_bytes());
    file.extend(state);
    let error = Recording::read(&file).unwrap_err();
    assert!(matches!(&error, ReadError::Unknown { what: "state", .. }), "{error}");
    assert!(error.to_string().contains("another build of maitred (1.2.3)"), "{error}");
}
