//! All operations, on each kind of model.

use super::scenarios::replica::*;
use super::scenarios::*;
use super::trial::Trials;
use super::{other_copies, other_owners, scenarios};

tests! {
    record::record (read_back ReadBack);
    batch::all_or_none (read_back ReadBack);
    batch::each_for_itself (read_back ReadBack);
    several::transactions (read_back ReadBack);
    several::tracked (read_back ReadBack);
    replica::events (sequential_park SequentialPark);
    replica::deletions (sequential_park SequentialPark);
    relay::run_once (read_back ReadBack);
}

other_owners! {
    mod owners {
        use super::*;

        tests! {
            record::record (plain Plain, announced Announced, remembered Remembered,
                announced_and_remembered AnnouncedAndRemembered);
            batch::all_or_none (plain Plain, announced Announced, remembered Remembered,
                announced_and_remembered AnnouncedAndRemembered);
            batch::each_for_itself (plain Plain, announced Announced, remembered Remembered,
                announced_and_remembered AnnouncedAndRemembered);
            several::transactions (plain Plain, announced Announced, remembered Remembered,
                announced_and_remembered AnnouncedAndRemembered);
            several::tracked (plain Plain, announced Announced, remembered Remembered,
                announced_and_remembered AnnouncedAndRemembered);
        }
    }
}

other_copies! {
    mod copies {
        use super::*;

        tests! {
            replica::events (sequential_position SequentialPosition, latest_position LatestPosition,
                sequential_row SequentialRow, latest_row LatestRow);
            replica::deletions (sequential_position SequentialPosition,
                latest_position LatestPosition);
        }
    }
}
