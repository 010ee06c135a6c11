//! Sends 50 bytes of a body and then nothing more, for ever.

use behaviours_p3::answer::start;
use behaviours_p3::wasip3::spawn_local;
use behaviours_p3::{Answer, Request, serve, wait};

serve!(handle);

async fn handle(_request: Request) -> Answer {
    let (response, mut writer) = start(200, Vec::new());
    spawn_local(async move {
        let _ = writer.write(vec![b'x'; 50]).await;
        wait::for_ever().await;
    });
    Ok(response)
}
