use super::*;

/// A group with a clock of its own.
struct Fixture {
    group: Group,
    now: Instant,
}

type JoinAnswer = oneshot::Receiver<Result<Joined, ResponseError>>;

impl Fixture {
    fn new() -> Self {
        Fixture { group: Group::default(), now: crate::clock::instant() }
    }

    fn candidate(known_id: Option<&str>, new_id: &str, protocols: &[&'static str]) -> Candidate {
        let protocol = |name: &&'static str| (StrBytes::from_static_str(name), Bytes::from_static(name.as_bytes()));
        Candidate {
            known_id: known_id.map(str::to_string),
            new_id: new_id.to_string(),
            instance: None,
            client_id: StrBytes::default(),
            client_host: String::new(),
            session: Duration::from_secs(6),
            rebalance: Duration::from_secs(60),
            protocol_type: StrBytes::from_static_str("consumer"),
            protocols: protocols.iter().map(protocol).collect(),
        }
    }

    fn join_new(&mut self, id: &str) -> JoinAnswer {
        self.group.join(Self::candidate(None, id, &["range"]), self.now).unwrap()
    }

    fn join_again(&mut self, id: &str) -> JoinAnswer {
        self.group.join(Self::candidate(Some(id), "", &["range"]), self.now).unwrap()
    }

    fn join_static(&mut self, id: &str) -> JoinAnswer {
        let candidate = Candidate { instance: Some("static".into()), ..Self::candidate(None, id, &["range"]) };
        self.group.join(candidate, self.now).unwrap()
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.group.expire(self.now);
    }

    fn sync(&mut self, id: &str, assignments: &[(&'static str, &'static str)]) -> Result<Option<Bytes>, ResponseError> {
        let assignments = assignments
            .iter()
            .map(|(id, assignment)| (StrBytes::from_static_str(id), Bytes::from_static(assignment.as_bytes())));
        let generation = self.group.generation;
        let mut receiver = self.group.sync(id, None, generation, assignments, self.now)?;
        match receiver.try_recv() {
            Ok(synced) => synced.map(|synced| Some(synced.assignment)),
            Err(_) => Ok(None),
        }
    }

    /// A stable group of "a", which leads, and "b".
    fn stable() -> Self {
        let mut fixture = Self::new();
        let mut answers = [fixture.join_new("a"), fixture.join_new("b")];
        fixture.pass(INITIAL_DELAY);
        assert_eq!(joined(&mut answers[0]).leader, "a");
        fixture.sync("a", &[("a", "0"), ("b", "1")]).unwrap();
        fixture.sync("b", &[]).unwrap();
        assert_eq!(fixture.group.phase, Phase::Stable);
        fixture
    }
}

fn joined(answer: &mut JoinAnswer) -> Joined {
    answer.try_recv().expect("an answer is there").expect("it is a success")
}

#[test]
fn members_that_start_together_balance_once_and_get_what_the_leader_says() {
    let mut fixture = Fixture::new();
    let mut a = fixture.join_new("a");
    let mut b = fixture.join_new("b");
    assert!(a.try_recv().is_err(), "the first rebalance waits for others");
    fixture.pass(INITIAL_DELAY);
    let (a, b) = (joined(&mut a), joined(&mut b));
    assert_eq!((a.generation, a.leader.as_str(), a.members.len()), (1, "a", 2));
    assert_eq!((b.generation, b.leader.as_str(), b.members.len()), (1, "a", 0));
    let generation = fixture.group.generation;
    let mut waiting = fixture.group.sync("b", None, generation, [], fixture.now).unwrap();
    assert!(waiting.try_recv().is_err(), "only the leader's assignment ends the waiting");
    assert_eq!(fixture.sync("a", &[("a", "0"), ("b", "1")]), Ok(Some(Bytes::from_static(b"0"))));
    assert_eq!(waiting.try_recv().unwrap().unwrap().assignment, "1");
    assert_eq!(fixture.group.heartbeat("b", None, generation, fixture.now), Ok(()));
}

#[test]
fn a_newcomer_makes_everybody_join_again() {
    let mut fixture = Fixture::stable();
    let generation = fixture.group.generation;
    let mut c = fixture.join_new("c");
    let beat = |fixture: &mut Fixture, id| fixture.group.heartbeat(id, None, generation, fixture.now);
    assert_eq!(beat(&mut fixture, "a"), Err(ResponseError::RebalanceInProgress));
    let _a = fixture.join_again("a");
    assert!(c.try_recv().is_err(), "b is missing");
    let _b = fixture.join_again("b");
    assert_eq!(joined(&mut c).generation, generation + 1);
    assert_eq!(beat(&mut fixture, "a"), Err(ResponseError::IllegalGeneration));
}

#[test]
fn a_rebalance_goes_on_without_who_does_not_join_in_time() {
    let mut fixture = Fixture::stable();
    let mut c = fixture.join_new("c");
    let mut a = fixture.join_again("a");
    // b sends heartbeats, so that its session does not end, but never joins.
    for _ in 0..12 {
        fixture.pass(Duration::from_secs(5));
        let generation = fixture.group.generation;
        let _ = fixture.group.heartbeat("b", None, generation, fixture.now);
    }
    assert_eq!(joined(&mut a).members.len(), 2);
    assert_eq!(joined(&mut c).generation, fixture.group.generation);
    assert!(!fixture.group.members.contains_key("b"));
}

#[test]
fn a_silent_member_is_out_and_the_last_one_empties_the_group() {
    let mut fixture = Fixture::stable();
    let generation = fixture.group.generation;
    fixture.pass(Duration::from_secs(4));
    fixture.group.heartbeat("a", None, generation, fixture.now).unwrap();
    fixture.pass(Duration::from_secs(4));
    assert_eq!(fixture.group.members.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(fixture.group.phase, Phase::PreparingRebalance);
    let mut a = fixture.join_again("a");
    assert_eq!(joined(&mut a).members.len(), 1);
    fixture.group.leave("a", None, fixture.now).unwrap();
    assert_eq!(fixture.group.phase, Phase::Empty);
    assert_eq!(fixture.group.protocol.as_str(), "", "an empty group has agreed upon nothing");
    assert_eq!(fixture.group.leave("a", None, fixture.now), Err(ResponseError::UnknownMemberId));
}

#[test]
fn an_assignment_that_never_comes_ends_the_generation() {
    let mut fixture = Fixture::new();
    let mut answers = [fixture.join_new("a"), fixture.join_new("b")];
    fixture.pass(INITIAL_DELAY);
    let generation = joined(&mut answers[0]).generation;
    let mut b = fixture.group.sync("b", None, generation, [], fixture.now).unwrap();
    for _ in 0..12 {
        fixture.pass(Duration::from_secs(5));
        let _ = fixture.group.heartbeat("a", None, generation, fixture.now);
    }
    assert_eq!(b.try_recv().unwrap(), Err(ResponseError::RebalanceInProgress));
    assert_eq!(fixture.group.members.keys().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn ids_are_handed_out_before_joining_and_waited_for() {
    let mut fixture = Fixture::new();
    fixture.group.reserve("a".into(), Duration::from_secs(6), fixture.now);
    let refused = fixture.group.join(Fixture::candidate(Some("x"), "", &["range"]), fixture.now);
    assert_eq!(refused.err(), Some(ResponseError::UnknownMemberId));
    let mut a = fixture.join_again("a");
    fixture.pass(INITIAL_DELAY);
    assert_eq!(joined(&mut a).members.len(), 1);
    fixture.sync("a", &[("a", "0")]).unwrap();
    fixture.group.reserve("b".into(), Duration::from_secs(6), fixture.now);
    let mut a = fixture.join_again("a");
    assert!(a.try_recv().is_err(), "b was given an id and is waited for");
    let mut b = fixture.join_again("b");
    assert_eq!(joined(&mut a).members.len(), 2);
    assert_eq!(joined(&mut b).leader, "a");
}

#[test]
fn members_agree_upon_what_all_support_and_most_prefer() {
    let mut fixture = Fixture::new();
    let lists: [&[&'static str]; 3] = [&["x", "range", "sticky"], &["sticky", "range"], &["range", "sticky"]];
    for (id, protocols) in ["a", "b", "c"].into_iter().zip(lists) {
        fixture.group.join(Fixture::candidate(None, id, protocols), fixture.now).unwrap();
    }
    let refused = fixture.group.join(Fixture::candidate(None, "d", &["other"]), fixture.now);
    assert_eq!(refused.err(), Some(ResponseError::InconsistentGroupProtocol));
    fixture.pass(INITIAL_DELAY);
    assert_eq!(fixture.group.protocol.as_str(), "range");
}

#[test]
fn a_static_member_comes_back_without_a_rebalance_and_fences_its_former_self() {
    let mut fixture = Fixture::new();
    let mut first = fixture.join_static("one");
    fixture.pass(INITIAL_DELAY);
    assert_eq!(joined(&mut first).leader, "one");
    fixture.sync("one", &[("one", "0")]).unwrap();
    let generation = fixture.group.generation;
    let mut second = fixture.join_static("two");
    let answer = joined(&mut second);
    assert_eq!((answer.generation, answer.leader.as_str(), answer.member.as_str()), (generation, "one", "two"));
    assert_eq!(fixture.sync("two", &[]), Ok(Some(Bytes::from_static(b"0"))));
    let stale = fixture.group.heartbeat("one", Some("static"), generation, fixture.now);
    assert_eq!(stale, Err(ResponseError::FencedInstanceId));
}

#[test]
fn offsets_are_committed_by_members_or_beside_nobody() {
    let outsider = Committer { member: "", instance: None, generation: -1 };
    let mut fixture = Fixture::new();
    assert_eq!(fixture.group.check_commit(outsider, false, fixture.now), Ok(()));
    let mut fixture = Fixture::stable();
    let generation = fixture.group.generation;
    let mut check = |committer, is_transactional| fixture.group.check_commit(committer, is_transactional, fixture.now);
    assert_eq!(check(outsider, false), Err(ResponseError::UnknownMemberId));
    assert_eq!(check(outsider, true), Ok(()));
    assert_eq!(check(Committer { member: "a", generation, ..outsider }, false), Ok(()));
    let late = Committer { member: "a", generation: generation - 1, ..outsider };
    assert_eq!(check(late, true), Err(ResponseError::IllegalGeneration));
}

#[test]
fn a_group_of_which_nothing_is_left_is_forgotten() {
    let mut groups = Groups::default();
    let now = crate::clock::instant();
    groups.get_or_create("gone").reserve("a".into(), Duration::from_secs(1), now);
    let committed = Committed { offset: 3, leader_epoch: -1, metadata: StrBytes::default() };
    groups.get_or_create("kept").offsets.put("t", 0, committed);
    groups.expire(now);
    assert_eq!(groups.iter().count(), 2);
    groups.expire(now + Duration::from_secs(1));
    assert_eq!(groups.iter().map(|(id, _)| id).collect::<Vec<_>>(), ["kept"]);
    groups.forget_topic("t");
    groups.expire(now + Duration::from_secs(1));
    assert_eq!(groups.iter().count(), 0);
}
