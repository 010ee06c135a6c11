//! Sends the request's body back with its trailers after it, and names the trailers in headers, too.

use behaviours_p3::answer::fields;
use behaviours_p3::wasip3::http::types::{self, ErrorCode, Response};
use behaviours_p3::wasip3::wit_bindgen::StreamResult;
use behaviours_p3::wasip3::{spawn_local, wit_future, wit_stream};
use behaviours_p3::{Answer, Request, serve};

serve!(handle);

async fn handle(request: Request) -> Answer {
    let (_done, result) = wit_future::new(|| Ok(()));
    let (mut stream, coming) = types::Request::consume_body(request.inner, result);
    let mut bytes = Vec::new();
    while let (StreamResult::Complete(_), chunk) = stream.read(Vec::with_capacity(64 * 1024)).await {
        bytes.extend(chunk);
    }
    drop(stream);
    let trailers = coming.await?.map(|trailers| trailers.copy_all()).unwrap_or_default();
    let named = trailers.iter().map(|(name, value)| (format!("x-echo-trailer-{name}"), value.clone()));
    let (mut writer, contents) = wit_stream::new();
    let (end, ended) = wit_future::new(|| Err(ErrorCode::InternalError(None)));
    let (response, _sent) = Response::new(fields(named.collect()), Some(contents), ended);
    spawn_local(async move {
        let _ = writer.write_all(bytes).await;
        drop(writer);
        let _ = end.write(Ok(Some(fields(trailers)))).await;
    });
    Ok(response)
}
