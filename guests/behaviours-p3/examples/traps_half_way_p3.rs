//! Fails when 50 bytes of the body are out; `?length` announces 100 of them, else none are.

use behaviours_p3::answer::{header, start};
use behaviours_p3::wasip3::spawn_local;
use behaviours_p3::{Answer, Request, serve, wait};

serve!(handle);

async fn handle(request: Request) -> Answer {
    let length = request.query.has("length").then(|| header("content-length", "100"));
    let (response, mut writer) = start(200, length.into_iter().collect());
    spawn_local(async move {
        let _ = writer.write(vec![b'x'; 50]).await;
        // Taken by the host is not yet on the wire, and no interface tells a guest of that.
        wait::milliseconds(50).await;
        core::arch::wasm32::unreachable();
    });
    Ok(response)
}
