//! The host is killed at any moment of a deployment: what starts then is the old or the new revision, whole.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::admin::Refusal;
use super::chance::Chance;
use super::client::Client;
use super::host::Host;
use super::pause::{pause_until, wait_for};
use super::report::{Faults, Row, progress};
use super::stand::{SERVICES, Stand, World, drop_in};

/// Revisions that were never seen before have numbers from here on.
const FRESH: u32 = 1000;
/// Answers that are looked at after each start.
const LOOKS: usize = 5;
/// How often the time of each change is taken.
const MEASURED: usize = 3;
/// How far beyond the usual end of a change the host may be killed: then all is done.
const BEYOND: f64 = 1.3;

/// What is under way when the host is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    /// A component that has to be compiled first, by the admin plane.
    Deploy,
    /// One that is compiled already: what is left is the disk and the swap.
    Compiled,
    /// A file that was copied into the folder, compiled already as well.
    Folder,
    /// The way back, to what is compiled.
    Rollback,
    /// The start of a host whose folder has another file than before.
    Start,
}

const CHANGES: [Change; 5] = [Change::Deploy, Change::Compiled, Change::Folder, Change::Rollback, Change::Start];

/// What serves, and what a rollback would lead to.
#[derive(Clone, Copy, Debug)]
struct Stands {
    live: u32,
    previous: u32,
    /// The revision in the folder.
    folder: u32,
    /// Whether `live` was rolled back to.
    rolled_back: bool,
}

/// How often what was under way was stopped, and what came of it.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    kills: u32,
    /// The new revision served afterwards.
    new: u32,
    /// The host had said so.
    acknowledged: u32,
}

struct Scene<'a> {
    world: &'a World,
    stand: Stand,
    stands: Stands,
    fresh: u32,
    faults: Faults,
    ends: BTreeMap<Change, Ends>,
    /// Starts after which a service that was rolled back still was.
    stayed: u32,
}

/// Runs it.
pub fn run(world: &World) -> Row {
    let rounds = world.of(200, 15, 5);
    let stand = Stand::start(world, [1, 2]);
    let stands = Stands { live: 1, previous: 1, folder: 1, rolled_back: false };
    let (mut chance, faults) = (Chance::of(world.seed), Faults::default());
    let mut scene = Scene { world, stand, stands, fresh: FRESH, faults, ends: BTreeMap::new(), stayed: 0 };
    let times = scene.times();
    progress(&format!("how long they take: {times:?}"));
    for round in 0..rounds {
        let change = CHANGES[round % CHANGES.len()];
        let moment = chance.time(times[&change].mul_f64(BEYOND));
        scene.round(round, change, moment);
        if round % 20 == 19 {
            progress(&format!("{} kills: {:?}", round + 1, scene.ends));
        }
    }
    scene.row(rounds)
}

impl Scene<'_> {
    /// How long each change takes, at the longest, if nothing comes between: just after a start, as
    /// the rounds find the host, which is then compiling for rollbacks.
    fn times(&mut self) -> BTreeMap<Change, Duration> {
        let mut times = BTreeMap::new();
        for change in CHANGES.into_iter().cycle().take(CHANGES.len() * MEASURED) {
            self.stand.host.kill();
            self.stand.host.wait();
            self.restart();
            let to = self.prepare(change);
            let began = Instant::now();
            match change {
                Change::Start => self.restart(),
                Change::Folder => {
                    self.drop_in(to);
                    let mut client = Client::of(self.stand.address);
                    wait_for("the file is live", || client.revision("/users").ok().filter(|found| *found == to));
                }
                _ => self.ask(change, to).unwrap_or_else(|refusal| panic!("{change:?}: {}", refusal.reasons())),
            }
            let longest = times.entry(change).or_insert(Duration::ZERO);
            *longest = began.elapsed().max(*longest);
            self.stands = self.stands.after(change, to);
        }
        times
    }

    /// Does what comes before `change`, and says to which revision that leads.
    fn prepare(&mut self, change: Change) -> u32 {
        let to = if change == Change::Rollback && self.stands.previous != self.stands.live {
            self.stands.previous
        } else {
            self.fresh += 1;
            self.fresh
        };
        match change {
            Change::Deploy => {}
            Change::Compiled | Change::Folder | Change::Rollback => {
                let component = self.world.guest.revision(to);
                let admin = &self.stand.admin;
                let rehearsed = admin.upload(&component).and_then(|digest| admin.rehearse(&[(SERVICES[0], &digest)]));
                rehearsed.unwrap_or_else(|refusal| panic!("{change:?}: {}", refusal.reasons()));
            }
            Change::Start => {
                self.stand.host.kill();
                self.stand.host.wait();
                self.drop_in(to);
            }
        }
        to
    }

    fn drop_in(&self, to: u32) {
        drop_in(&self.stand.folder, SERVICES[0], &self.world.guest.revision(to));
    }

    fn ask(&self, change: Change, to: u32) -> Result<(), Refusal> {
        let admin = &self.stand.admin;
        if change == Change::Rollback && to == self.stands.previous {
            return admin.rollback(SERVICES[0]).map(drop);
        }
        let digest = admin.upload(&self.world.guest.revision(to))?;
        admin.deploy(&[(SERVICES[0], &digest)], None).map(drop)
    }

    /// Kills the host while it carries out `change`, and looks at what starts then.
    fn round(&mut self, round: usize, change: Change, moment: Duration) {
        let to = self.prepare(change);
        let then = Instant::now() + moment;
        if change == Change::Start {
            self.stand.host = Host::starting(&self.world.hostel, &self.stand.folder);
        }
        let acknowledged = std::thread::scope(|scope| {
            let scene = &*self;
            let asked = scope.spawn(move || match change {
                Change::Start => false,
                Change::Folder => {
                    scene.drop_in(to);
                    false
                }
                _ => scene.ask(change, to).is_ok(),
            });
            pause_until(then);
            scene.stand.host.kill();
            asked.join().expect("asking must not panic")
        });
        self.stand.host.wait();
        self.restart();
        let before = self.stands;
        let Some(found) = self.look(round) else {
            return;
        };
        let place = format!("round {round}, {change:?} of revision {to} over {before:?}, killed after {moment:?}");
        self.faults.unless(found == to || found == before.live, || format!("{place}: {found} serves"));
        self.faults.unless(found == to || !acknowledged, || format!("{place}: acknowledged, and {found} serves"));
        // The copying was not killed: at the next start the file is another one, so it counts.
        let from_folder = matches!(change, Change::Folder | Change::Start);
        self.faults.unless(found == to || !from_folder, || format!("{place}: {found} serves"));
        let ends = self.ends.entry(change).or_default();
        ends.kills += 1;
        ends.new += u32::from(found == to);
        ends.acknowledged += u32::from(acknowledged);
        let folder = if from_folder { to } else { before.folder };
        self.stands = Stands { folder, ..if found == to { before.after(change, to) } else { before } };
        self.look_again(round, &place);
    }

    /// What was rolled back stays so at the next start too, although the folder holds something else.
    fn look_again(&mut self, round: usize, place: &str) {
        let stands = self.stands;
        if !stands.rolled_back || stands.folder == stands.live {
            return;
        }
        self.stand.host.kill();
        self.stand.host.wait();
        self.restart();
        if let Some(found) = self.look(round) {
            self.faults.unless(found == stands.live, || format!("{place}: rolled back, and {found} serves later"));
            self.stayed += 1;
        }
    }

    fn restart(&mut self) {
        self.stand.host = Host::up(&self.world.hostel, &self.stand.folder);
    }

    /// The revision that answers, if all answers are whole and of the same one.
    fn look(&mut self, round: usize) -> Option<u32> {
        let mut client = Client::of(self.stand.address);
        let mut ask = |path: &str| {
            let answers: Result<Vec<u32>, String> = (0..LOOKS).map(|_| client.revision(path)).collect();
            answers.and_then(|answers| match answers.iter().all(|one| *one == answers[0]) {
                true => Ok(answers[0]),
                false => Err(format!("several revisions: {answers:?}")),
            })
        };
        let (own, other) = (ask("/users"), ask("/orders"));
        self.faults.unless(other == Ok(2), || format!("round {round}: the other service: {other:?}"));
        self.faults.unless(own.is_ok(), || format!("round {round}: {own:?}"));
        own.ok()
    }

    fn row(self, rounds: usize) -> Row {
        let shown = |(change, ends): (&Change, &Ends)| {
            let Ends { kills, new, acknowledged } = ends;
            format!("{change:?} {kills} times, the new one afterwards {new}, acknowledged {acknowledged}")
        };
        let shown: Vec<String> = self.ends.iter().map(shown).collect();
        let figures = self.ends.iter().map(|(change, ends)| {
            let ends = json!({ "kills": ends.kills, "new": ends.new, "acknowledged": ends.acknowledged });
            (format!("{change:?}"), ends)
        });
        Row {
            what: "`kill -9` during deployments",
            scenario: "crash",
            seen: format!(
                "{rounds} kills (seed {}), each start served the old or the new revision, whole ({}); {} further starts \
                 after a rollback, which it still was",
                self.world.seed,
                shown.join("; "),
                self.stayed
            ),
            figures: json!({
                "rounds": rounds, "seed": self.world.seed, "stayed": self.stayed,
                "ends": figures.collect::<serde_json::Map<String, Value>>(),
            }),
            faults: self.faults.all(),
        }
    }
}

impl Stands {
    /// After `change` led to `to`.
    fn after(self, change: Change, to: u32) -> Self {
        Self {
            live: to,
            previous: self.live,
            folder: if matches!(change, Change::Folder | Change::Start) { to } else { self.folder },
            rolled_back: change == Change::Rollback && to == self.previous,
        }
    }
}
