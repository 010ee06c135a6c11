//! How much of everything a component has: counted in one pass over its bytes, before anybody compiles them.
//!
//! The pass costs as much as the file is long, whatever is in it: it neither
//! recurses nor builds anything, and ends at the first count that is too high.
//! Whether the parts fit together is not asked here; who compiles will.

use hostel_model::limits::fixed;
use wasmparser::{
    BinaryReader, BinaryReaderError, ComponentType, ComponentTypeDeclaration, Encoding, FunctionBody, Instance,
    Operator, OperatorsReader, OperatorsReaderAllocations, Payload,
};

use crate::error::CompileError;

/// What one component may have of everything that compiling it costs by.
#[derive(Clone, Copy, Debug)]
pub(super) struct CountLimits {
    pub(super) core_instances: u32,
    pub(super) memories: u32,
    pub(super) tables: u32,
    pub(super) imports_and_exports: u32,
    pub(super) component_nesting: u32,
    pub(super) types: u32,
    pub(super) type_nesting: u32,
    pub(super) functions: u32,
    pub(super) function_bytes: u64,
    pub(super) locals: u32,
    pub(super) block_nesting: u32,
}

impl CountLimits {
    pub(super) const FIXED: Self = Self {
        core_instances: fixed::CORE_INSTANCES,
        memories: fixed::MEMORIES,
        tables: fixed::TABLES,
        imports_and_exports: fixed::IMPORTS_EXPORTS,
        component_nesting: fixed::COMPONENT_NESTING,
        types: fixed::TYPES,
        type_nesting: fixed::TYPE_NESTING,
        functions: fixed::FUNCTIONS,
        function_bytes: fixed::FUNCTION_BODY.0,
        locals: fixed::LOCALS,
        block_nesting: fixed::BLOCK_NESTING,
    };
}

/// Counts of all levels of one component, up to where it was read.
pub(super) struct Counts {
    limits: CountLimits,
    core_instances: u64,
    memories: u64,
    tables: u64,
    imports_and_exports: u64,
    depth: u64,
    types: u64,
    functions: u64,
    /// Room for the blocks of a function, used again for the next.
    blocks: OperatorsReaderAllocations,
}

impl Counts {
    pub(super) fn new(limits: CountLimits) -> Self {
        let blocks = OperatorsReaderAllocations::default();
        let (core_instances, memories, tables, imports_and_exports) = (0, 0, 0, 0);
        let (depth, types, functions) = (0, 0, 0);
        Self { limits, core_instances, memories, tables, imports_and_exports, depth, types, functions, blocks }
    }

    /// How many components and modules the place that was reached lies in.
    pub(super) fn depth(&self) -> u64 {
        self.depth
    }

    /// Counts one part of the file `bytes`.
    pub(super) fn add(&mut self, payload: &Payload<'_>, bytes: &[u8]) -> Result<(), CompileError> {
        match payload {
            Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => {
                self.depth += 1;
                // The outermost one lies in nothing.
                let inside = self.depth.saturating_sub(1);
                within("levels of components inside each other", inside, self.limits.component_nesting)
            }
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::InstanceSection(section) => self.add_instances(section.clone()),
            Payload::MemorySection(section) => {
                self.memories += u64::from(section.count());
                within("memories", self.memories, self.limits.memories)
            }
            Payload::TableSection(section) => {
                self.tables += u64::from(section.count());
                within("tables", self.tables, self.limits.tables)
            }
            Payload::ComponentImportSection(section) => self.add_names(section.count()),
            Payload::ImportSection(section) => self.add_names(section.count()),
            Payload::ExportSection(section) => self.add_names(section.count()),
            Payload::ComponentExportSection(section) => self.add_names(section.count()),
            Payload::TypeSection(section) => self.add_types(section.count()),
            Payload::CoreTypeSection(section) => self.add_types(section.count()),
            Payload::ComponentTypeSection(section) => {
                let range = section.range();
                let start = range.start;
                self.add_component_types(BinaryReader::new(bytes.get(range).unwrap_or_default(), start))
            }
            Payload::CodeSectionStart { count, .. } => {
                self.functions += u64::from(*count);
                within("functions", self.functions, self.limits.functions)
            }
            Payload::CodeSectionEntry(body) => self.add_function(body),
            _ => Ok(()),
        }
    }

    /// Instances that are only another name for what there is are not counted.
    fn add_instances(&mut self, section: wasmparser::InstanceSectionReader<'_>) -> Result<(), CompileError> {
        for instance in section {
            if matches!(instance.map_err(refused)?, Instance::Instantiate { .. }) {
                self.core_instances += 1;
                within("core instances", self.core_instances, self.limits.core_instances)?;
            }
        }
        Ok(())
    }

    fn add_names(&mut self, count: u32) -> Result<(), CompileError> {
        self.imports_and_exports += u64::from(count);
        within("imports and exports", self.imports_and_exports, self.limits.imports_and_exports)
    }

    fn add_types(&mut self, count: u32) -> Result<(), CompileError> {
        self.types += u64::from(count);
        within("types", self.types, self.limits.types)
    }

    /// Types may lie in types, and whoever reads the outer one with wasmparser
    /// recurses into the inner ones as deep as a file likes, three bytes a level:
    /// the end of a process. So what lies inside is found here step by step.
    fn add_component_types(&mut self, mut section: BinaryReader<'_>) -> Result<(), CompileError> {
        /// A type of a component or of an instance: what contains others.
        const CONTAINERS: [u8; 2] = [0x41, 0x42];
        /// A type among the declarations inside of one.
        const TYPE: u8 = 0x01;

        let count = section.read_var_u32().map_err(refused)?;
        self.add_types(count)?;
        // What is still to come on each level: types on the outermost one, declarations on the others.
        let mut to_come = vec![count];
        while let Some(left) = to_come.last_mut() {
            let Some(rest) = left.checked_sub(1) else {
                to_come.pop();
                continue;
            };
            *left = rest;
            if to_come.len() > 1 {
                if next(&section)? != TYPE {
                    section.read::<ComponentTypeDeclaration<'_>>().map_err(refused)?;
                    continue;
                }
                section.read_u8().map_err(refused)?;
                self.add_types(1)?;
            }
            if CONTAINERS.contains(&next(&section)?) {
                section.read_u8().map_err(refused)?;
                to_come.push(section.read_var_u32().map_err(refused)?);
                let inside = to_come.len().saturating_sub(1) as u64;
                within("levels of types inside each other", inside, self.limits.type_nesting)?;
            } else {
                section.read::<ComponentType<'_>>().map_err(refused)?;
            }
        }
        Ok(())
    }

    fn add_function(&mut self, body: &FunctionBody<'_>) -> Result<(), CompileError> {
        within("bytes in one function", body.range().len() as u64, self.limits.function_bytes)?;
        let mut reader = body.get_locals_reader().map_err(refused)?;
        let mut locals = 0;
        for _ in 0..reader.get_count() {
            locals += u64::from(reader.read().map_err(refused)?.0);
            within("locals in one function", locals, self.limits.locals)?;
        }
        let blocks = std::mem::take(&mut self.blocks);
        let mut operators = OperatorsReader::new_with_allocs(reader.get_binary_reader(), blocks);
        let mut depth = 0_u64;
        while !operators.eof() {
            match operators.read().map_err(refused)? {
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::Try { .. }
                | Operator::TryTable { .. } => {
                    depth += 1;
                    within("blocks inside each other in one function", depth, self.limits.block_nesting)?;
                }
                Operator::End | Operator::Delegate { .. } => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        self.blocks = operators.into_allocations();
        Ok(())
    }
}

/// The next byte, which stays where it is.
fn next(reader: &BinaryReader<'_>) -> Result<u8, CompileError> {
    reader.clone().read_u8().map_err(refused)
}

fn within(what: &'static str, actual: u64, limit: impl Into<u64>) -> Result<(), CompileError> {
    let limit = limit.into();
    if actual > limit { Err(CompileError::TooMany { what, actual, limit }) } else { Ok(()) }
}

/// The words are the parser's own; none are the file's.
pub(super) fn refused(error: BinaryReaderError) -> CompileError {
    CompileError::NotWasm { reason: error.message().to_owned() }
}

#[cfg(test)]
mod tests;
