//! One process of the soak; `tests/soak` starts it, and kills it.

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    versioned_tests::soak::Role::of_this_process()
        .ok_or("this is for the tests to start")?
        .play()
}
