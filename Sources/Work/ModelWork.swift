import Dispatch
import Files
import GLB
import Glibc
import Synchronization

/// Reading, checking, stripping and drawing model files: heavy and blocking, so it has queues of its own and
/// never holds up a thread that others wait for.
package final class ModelWork: Sendable {
    /// Milliseconds each, most of them on the disk: nobody's model waits behind another's picture.
    private let handling = Queues(label: "work.models", count: 4)
    /// A core each, for seconds at worst.
    private let drawing: Queues

    /// `atOnce`: pictures drawn at the same time.
    package init(atOnce: Int) { drawing = Queues(label: "work.drawing", count: max(1, atOnce)) }

    /// A few queues, taken in turn.
    private final class Queues: Sendable {
        private let queues: [DispatchQueue]
        private let turn = Atomic<UInt>(0)

        init(label: String, count: Int) {
            queues = (0..<count).map { DispatchQueue(label: "\(label).\($0)", qos: .utility) }
        }

        var next: DispatchQueue {
            queues[Int(turn.wrappingAdd(1, ordering: .relaxed).oldValue % UInt(queues.count))]
        }
    }

    package enum Fault: Error, Sendable {
        /// The file is no model, or not one that this can be done to.
        case model(String)
        /// Our own disk.
        case files(FilesError)
    }

    /// Whether the file is a model that can be handed on.
    package func check(_ path: String) async -> Result<GLB.Summary, Fault> {
        await run {
            do throws(GLBFault) { return .success(try GLB.check(fileAt: path)) } catch {
                return .failure(.model("\(error)"))
            }
        }
    }

    /// Fills an empty draft, open at `descriptor`, with the geometry alone.
    package func strip(_ path: String, into descriptor: Int32) async -> Result<GLB.Summary, Fault> {
        await run {
            let bare = path + ".bare"
            defer { unlink(bare) }
            do throws(GLBFault) {
                let summary = try GLB.strippingTextures(fileAt: path, to: bare)
                guard copyFile(bare, to: descriptor) else {
                    return .failure(.files(.broken("the stripped model could not be copied")))
                }
                return .success(summary)
            } catch {
                if error.code == .unwritable { return .failure(.files(.broken("\(error)"))) }
                return .failure(.model("\(error)"))
            }
        }
    }

    /// A picture of it, as PNG.
    package func draw(_ path: String, on background: Thumbnail.Background) async -> Result<[UInt8], Fault> {
        await run(on: drawing) {
            do throws(GLBFault) { return .success(try Thumbnail.render(glb: path, background: background)) } catch {
                return .failure(.model("\(error)"))
            }
        }
    }

    /// Syncs and names a finished draft: this too may take its time.
    package func keep(_ draft: consuming Draft, in files: any Files) async -> Result<FileName, FilesError> {
        let box = Mutex<Draft?>(draft)
        return await run {
            guard let draft = box.withLock({ $0.take() }) else { return .failure(.broken("kept twice")) }
            do throws(FilesError) { return .success(try files.keep(draft)) } catch { return .failure(error) }
        }
    }

    private func run<Value: Sendable>(
        on queues: Queues? = nil, _ body: @escaping @Sendable () -> Value
    ) async -> Value {
        let queue = (queues ?? handling).next
        return await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: body()) }
        }
    }
}
