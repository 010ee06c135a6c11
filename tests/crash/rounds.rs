//! Round after round: a database is written to, the writer is killed, sometimes those that recover too; then all is read.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::chance::Chance;
use super::child::Program;
use super::expect::{Fault, Lane, Tail};
use super::plan::{LANES, Plan, SERVICES};
use super::said::Said;
use super::shared::Shared;
use super::storage::{Found, look, runtime};
use super::tally::Tally;

/// Rounds on one database; then one begins with nothing, so that its making is killed as well.
const ROUNDS_OF_ONE: usize = 50;
/// The longest that a writer is let write.
const LIFE: Duration = Duration::from_millis(150);
/// The longest that a process is let start: it opens the database towards the end of that.
const START: Duration = Duration::from_millis(15);
/// What a recovery takes at first; later the median of all so far is known.
const RECOVERY: Duration = Duration::from_millis(5);
/// How far beyond the usual end of a recovery a process may be killed.
const BEYOND: f64 = 1.3;

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `hostel-crash` itself.
    pub program: PathBuf,
    pub rounds: usize,
    /// What chance begins with.
    pub seed: u64,
    /// Where the databases are made, each in a folder of its own.
    pub folder: PathBuf,
    /// Whether the writers say that operations are durable before they are.
    pub early: bool,
}

struct Run<'a> {
    settings: &'a Settings,
    program: Program,
    runtime: Runtime,
    chance: Chance,
    ground: Ground,
    tally: Tally,
}

/// One database, and what must be in it.
struct Ground {
    folder: TempDir,
    plan: Plan,
    lanes: Vec<Lane>,
    shared: Vec<Shared>,
}

/// Runs it. The first round with a fault is the last, and its database is kept.
pub fn run(settings: &Settings) -> Tally {
    let plan = Plan { seed: settings.seed };
    let program = Program { path: settings.program.clone(), plan, early: settings.early };
    let ground = Ground::new(&settings.folder, plan);
    let chance = Chance::of(settings.seed);
    let tally = Tally { seed: settings.seed, ..Tally::default() };
    let mut run = Run { settings, program, runtime: runtime(), chance, ground, tally };
    for round in 0..settings.rounds {
        if round > 0 && round % ROUNDS_OF_ONE == 0 {
            run.begin_anew();
        }
        let faults = run.round();
        run.tally.rounds += 1;
        if !faults.is_empty() {
            run.tally.blame(round, &faults);
            run.ground.keep();
            break;
        }
        if round % 100 == 99 {
            eprintln!("-- {} rounds, {} acknowledged", round + 1, run.tally.acknowledged);
        }
    }
    run.tally
}

impl Run<'_> {
    fn begin_anew(&mut self) {
        let plan = Plan { seed: self.chance.number() };
        self.program.plan = plan;
        self.ground = Ground::new(&self.settings.folder, plan);
        self.tally.databases += 1;
    }

    fn round(&mut self) -> Vec<Fault> {
        let state = self.ground.state();
        let mut writer = self.program.write(&state, &self.ground.next());
        let from_start = self.chance.below(8) == 0;
        if from_start {
            writer.for_time(self.chance.time(START));
        } else {
            writer.until(&Said::Opened);
            writer.for_time(self.chance.time(LIFE));
        }
        let said = writer.kill();
        self.tally.killed_before_open += usize::from(!said.contains(&Said::Opened));
        let mut faults = self.hear(&said);
        self.kill_recoveries(&state, &mut faults);
        match self.look(&state) {
            Ok(found) => faults.extend(self.compare(found)),
            Err(failed) => faults.push(self.unreadable(&failed)),
        }
        faults
    }

    /// Takes note of what was acknowledged.
    fn hear(&mut self, said: &[Said]) -> Vec<Fault> {
        let mut faults = Vec::new();
        let ground = &mut self.ground;
        for said in said {
            match said {
                Said::Opening | Said::Opened => {}
                Said::Failed(words) => faults.push(Fault::Wrong(format!("the process that writes: {words}"))),
                Said::Done(said) => {
                    self.tally.acknowledged += 1;
                    let Some(lane) = ground.lanes.get_mut(said.lane) else {
                        faults.push(Fault::Wrong(format!("{said:?} of no lane")));
                        continue;
                    };
                    faults.extend(lane.acknowledged(&ground.plan, *said).err());
                    let shared = ground.shared.iter_mut();
                    faults.extend(shared.filter_map(|shared| shared.acknowledged(&ground.plan, *said).err()));
                }
            }
        }
        faults
    }

    /// Kills up to three processes while they open what the one before left.
    fn kill_recoveries(&mut self, state: &Path, faults: &mut Vec<Fault>) {
        let usual = self.tally.recovery(0.5).unwrap_or(RECOVERY).mul_f64(BEYOND);
        let times = self.chance.below(3) * (1 + self.chance.below(2));
        for _ in 0..times.min(3) {
            let mut opener = self.program.recover(state);
            opener.until(&Said::Opening);
            opener.for_time(self.chance.time(usual));
            let said = opener.kill();
            let failed = said.iter().filter(|said| matches!(said, Said::Failed(_)));
            faults.extend(failed.map(|said| self.unreadable(&said.to_string())));
            match said.contains(&Said::Opened) {
                true => self.tally.killed_after_recovery += 1,
                false => self.tally.killed_in_recovery += 1,
            }
        }
    }

    /// A database that does not open has lost all that was acknowledged; if that is nothing, it is wrong all the same.
    fn unreadable(&self, failed: &str) -> Fault {
        let words = format!("the database cannot be read: {failed}");
        let nothing = self.ground.lanes.iter().all(Lane::is_new);
        if nothing { Fault::Wrong(words) } else { Fault::Lost(words) }
    }

    /// Reads all of the database; one time of four in a copy, so that the next writer has to recover by itself.
    fn look(&mut self, state: &Path) -> Result<Found, String> {
        let guests = state.join("guests.redb");
        let bytes = fs::metadata(&guests).map(|file| file.len()).unwrap_or(0);
        self.tally.bytes_most = self.tally.bytes_most.max(bytes);
        let copy = self.ground.folder.path().join("copy");
        let place = if self.chance.below(4) == 0 && bytes > 0 {
            fs::create_dir_all(&copy).map_err(|error| error.to_string())?;
            fs::copy(&guests, copy.join("guests.redb")).map_err(|error| error.to_string())?;
            copy.as_path()
        } else {
            state
        };
        let (found, took) = look(place, &self.runtime)?;
        self.tally.recoveries.push(took);
        Ok(found)
    }

    fn compare(&mut self, mut found: Found) -> Vec<Fault> {
        let ground = &mut self.ground;
        let mut faults: Vec<Fault> = std::mem::take(&mut found.faults).into_iter().map(Fault::Wrong).collect();
        let next = ground.next();
        for shared in &mut ground.shared {
            faults.extend(shared.settle(&ground.plan, &next, &mut found.buckets));
        }
        for lane in &mut ground.lanes {
            match lane.settle(&ground.plan, &mut found.buckets) {
                Ok(Tail::There) => self.tally.tails_there += 1,
                Ok(Tail::Missing) => self.tally.tails_missing += 1,
                Ok(Tail::Unseen) => {}
                Err(found) => faults.extend(found),
            }
        }
        for ((service, bucket), entries) in &found.buckets {
            let more =
                |key: &String| Fault::Wrong(format!("`{key}` is in bucket {bucket} of {service}, and nobody wrote it"));
            faults.extend(entries.keys().map(more));
        }
        faults
    }
}

impl Ground {
    fn new(folder: &Path, plan: Plan) -> Self {
        let folder = tempfile::Builder::new().prefix("hostel-crash-").tempdir_in(folder);
        Self {
            folder: folder.expect("there must be room for a folder"),
            plan,
            lanes: (0..LANES).map(Lane::new).collect(),
            shared: (0..SERVICES.len()).map(Shared::new).collect(),
        }
    }

    /// The state folder.
    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The next operation of each lane.
    fn next(&self) -> Vec<u64> {
        self.lanes.iter().map(|lane| lane.next).collect()
    }

    /// Leaves the database where it is.
    fn keep(&mut self) {
        self.folder.disable_cleanup(true);
        eprintln!("-- the database is kept in {}", self.folder.path().display());
    }
}
