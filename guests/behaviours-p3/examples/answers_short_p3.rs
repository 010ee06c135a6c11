//! Announces 10 bytes and ends after 5.

use behaviours_p3::answer::{header, start};
use behaviours_p3::wasip3::spawn_local;
use behaviours_p3::{Answer, Request, serve};

serve!(handle);

async fn handle(_request: Request) -> Answer {
    let (response, mut writer) = start(200, vec![header("content-length", "10")]);
    spawn_local(async move {
        let _ = writer.write(b"short".to_vec()).await;
        writer.finish().await;
    });
    Ok(response)
}
