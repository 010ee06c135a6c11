//! Sends 50 bytes of a body and then nothing more, for ever; or for `?ms=`, and then 50 more.

use behaviours_p3::answer::start;
use behaviours_p3::wasip3::spawn_local;
use behaviours_p3::{Answer, Request, serve, wait};

serve!(handle);

async fn handle(request: Request) -> Answer {
    let (response, mut writer) = start(200, Vec::new());
    let time = request.query.get("ms").and_then(|time| time.parse().ok());
    spawn_local(async move {
        let _ = writer.write(vec![b'x'; 50]).await;
        if let Some(time) = time {
            wait::milliseconds(time).await;
            let _ = writer.write(vec![b'x'; 50]).await;
            return writer.finish().await;
        }
        wait::for_ever().await;
    });
    Ok(response)
}
