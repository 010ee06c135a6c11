//! Sends a body that never ends, 64 KiB at a time.

use behaviours_p3::answer::start;
use behaviours_p3::wasip3::spawn_local;
use behaviours_p3::{Answer, Request, serve};

serve!(handle);

async fn handle(_request: Request) -> Answer {
    let (response, mut writer) = start(200, Vec::new());
    spawn_local(async move { while writer.write(vec![b'x'; 64 * 1024]).await.is_ok() {} });
    Ok(response)
}
