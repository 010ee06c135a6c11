//! Answers completely and then never gives the processor back.

use behaviours_p3::answer::start;
use behaviours_p3::wasip3::spawn_local;
use behaviours_p3::{Answer, Request, serve};

serve!(handle);

async fn handle(_request: Request) -> Answer {
    let (response, mut writer) = start(200, Vec::new());
    spawn_local(async move {
        let _ = writer.write(b"done".to_vec()).await;
        writer.finish().await;
        loop {
            std::hint::spin_loop();
        }
    });
    Ok(response)
}
